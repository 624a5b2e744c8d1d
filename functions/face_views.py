"""Faces and verifications as JSON, in Azure AI Face's shapes, and the header that names models."""

import math
from typing import Any, Final

from consentry.service.faces import Verification
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


def verified(verification: Verification) -> dict[str, Any]:
    """Give Azure AI Face's two fields, and what they rest on."""
    return {
        "isIdentical": verification.is_identical,
        "confidence": math.floor(verification.confidence * 1e5) / 1e5,  # never up to 0.5
        "isExtrapolated": verification.is_extrapolated,
        "threshold": math.floor(verification.threshold * 1e5) / 1e5,
        "falseMatchRate": verification.fmr,
        "falseMatchRateInterval": list(verification.fmr_interval),
    }


def model_header(services: Services, *roles: Role) -> dict[str, str]:
    """Name the models that really worked, with their digests."""
    models = (services.vision.models[role] for role in roles)
    return {MODEL_HEADER: ", ".join(f"{model.name}@sha256:{model.digest}" for model in models)}
