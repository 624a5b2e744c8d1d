"""Faces as JSON, in Azure AI Face's shape, and the header that names models."""

from typing import Final

from consentry.service.services import Services
from consentry.vision import Face, Role

MODEL_HEADER: Final = "X-Consentry-Model"


def rectangle(face: Face) -> dict[str, int]:
    """Give a face's box in whole pixels."""
    box = face.box
    left, top = round(box.left), round(box.top)
    return {
        "top": top,
        "left": left,
        "width": round(box.left + box.width) - left,
        "height": round(box.top + box.height) - top,
    }


def model_header(services: Services, *roles: Role) -> dict[str, str]:
    """Name the models that really worked, with their digests."""
    models = (services.vision.models[role] for role in roles)
    return {MODEL_HEADER: ", ".join(f"{model.name}@sha256:{model.digest}" for model in models)}
