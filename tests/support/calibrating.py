"""People of one tenant to calibrate on: each with a receipt, and faces that are drawn at random."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from tests.support.consenting import ConsentingApp, statement
from tests.support.layer import vision
from tests.support.service import TENANT, World

from consentry.service.consent_store import make_code
from consentry.service.identifiers import uuid7
from consentry.service.subjects import subject_digest
from consentry.service.templates import Binding, new_face_id
from consentry.trust.consents import give
from consentry.vision import TEMPLATE_VALUES, Template

Templates = NDArray[np.float32]
_LONG = timedelta(days=1)


def drawn(people: int, alike: float, seed: int = 20260314) -> Templates:
    """Draw templates (people, values) whose similarities scatter about ``alike``."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(people, TEMPLATE_VALUES)) / np.sqrt(TEMPLATE_VALUES)
    noise[:, 0] = np.sqrt(alike / (1 - alike))
    unit: Templates = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    return unit


class People(ConsentingApp):
    """What a tenant has enrolled, and how it calibrates."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.receipts: dict[str, str] = {}

    def enrol(self, templates: Templates, **binding: Any) -> list[str]:
        """Keep a face of each of so many people, and give the face ids."""
        return [self.keep(f"p-{number}", each, **binding) for number, each in enumerate(templates)]

    def keep(self, subject: str, template: Template, **binding: Any) -> str:
        """Keep a face as ``detect`` does."""
        digest = subject_digest(self.world.services.faces.templates.keys, TENANT, subject)
        face_id = new_face_id(digest)
        plain = {"consent_id": self._receipt(subject), "picture": uuid4().hex}
        self.world.services.faces.templates.keep(
            TENANT,
            face_id,
            template,
            binding=Binding(digest, **(plain | binding)),
            model=vision().template_version(),
            now=self.world.clock(),
            lifetime=_LONG,
        )
        return str(face_id)

    def calibrate(self, face_ids: list[str], expect: int = 200) -> Any:
        """Ask for a calibration."""
        return self.ask("calibrate", document={"faceIds": face_ids}, expect=expect)

    def _receipt(self, subject: str) -> str:
        """Give somebody's receipt, written at first need as the service writes it."""
        if subject not in self.receipts:
            now, store = self.world.clock(), self.world.services.consents.store
            receipt = give(uuid7(now), TENANT, statement(now, subject=subject))
            store.add(receipt, store.sign(receipt), make_code(receipt))
            self.receipts[subject] = receipt.record_id
        return self.receipts[subject]
