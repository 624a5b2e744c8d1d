"""A picture of two people, one of whom consents, and what is asked of a service about it."""

import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from tests.support.consenting import ConsentingApp
from tests.support.layer import sample, vision
from tests.support.service import TENANT

from consentry.azure.names import Container
from consentry.service.manifests import REDACTION, open_signed
from consentry.vision import Box, Face, similarity


def beside(*names: str, form: str = "PNG") -> bytes:
    """Put sample photographs side by side."""
    images = [Image.open(io.BytesIO(sample(name))).convert("RGB") for name in names]
    whole = Image.new("RGB", (sum(one.width for one in images), max(one.height for one in images)))
    left = 0
    for one in images:
        whole.paste(one, (left, 0))
        left += one.width
    file = io.BytesIO()
    whole.save(file, form)
    return file.getvalue()


PAIR = ("person_a_2.jpg", "person_b_1.jpg")
"""Person A, who consents, on the left; person B on the right."""


def faces(data: bytes) -> tuple[Face, ...]:
    """Faces of a picture, from left to right."""
    found = vision().detect(vision().read(data))
    return tuple(sorted(found, key=lambda face: face.box.left))


def box(mask: dict[str, Any]) -> Box:
    return Box(**mask["box"])


def words(face: Face) -> str:
    box = face.box
    return ",".join(str(round(value)) for value in (box.left, box.top, box.width, box.height))


@dataclass
class Studio(ConsentingApp):
    """A service, its functions, a picture of two people and a consent of one of them."""

    picture: bytes = field(default_factory=lambda: beside(*PAIR))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.a, self.b = faces(self.picture)

    def consenting(self, subject: str = "p-a", photo: str = "person_a_1.jpg") -> str:
        """Register the consent of somebody whose reference is a photograph."""
        consent = self.give(subject)
        assert self.enrol(consent, sample(photo)).status_code == 200
        return consent

    def enrol(self, consent: str, picture: bytes, tenant: str = TENANT) -> Any:
        route = {"id": consent}
        return self.reply("enrol_reference", method="PUT", body=picture, route=route, tenant=tenant)

    def redact(self, claims: str, picture: bytes | None = None) -> Any:
        return self.reply("redact", body=picture or self.picture, x_consentry_claims=claims)

    def outputs(self, consent: str, tenant: str = TENANT) -> Any:
        route = {"id": consent}
        return self.ask("consent_outputs", method="GET", tenant=tenant, route=route)["outputs"]

    def redact_again(self, consent: str, output: str, tenant: str = TENANT) -> Any:
        return self.reply("redact_again", tenant=tenant, route={"id": consent, "output": output})

    def manifest(self) -> dict[str, Any]:
        """The newest manifest."""
        name = self.world.names(Container.MANIFESTS)[-1]
        keys = self.world.services.signing_key.public_keys()
        file = self.world.content(Container.MANIFESTS, name) or b""
        return open_signed(file, kind=REDACTION, public_keys=keys)


def shows_only_a(studio: Studio, redacted: bytes) -> None:
    """Assert that person A is to be seen in the place where they were, and nobody else."""
    [face] = faces(redacted)
    assert face.box.overlap(studio.a.box) > 0.7
    seen = vision().read(redacted)
    reference = vision().read(sample("person_a_1.jpg"))
    [known] = vision().detect(reference)
    score = similarity(vision().template(seen, face), vision().template(reference, known))
    assert score > 0.5


def shows_nobody(redacted: bytes) -> None:
    """Assert that no face is to be seen."""
    assert faces(redacted) == ()
