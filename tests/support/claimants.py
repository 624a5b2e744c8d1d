"""A film of two people, one of whom consents, and jobs that claim her face."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.support.consenting import ConsentingApp
from tests.support.jobs import IN_SECONDS, RATE, SHORT_PIECES, deliver, jobs
from tests.support.layer import sample, vision
from tests.support.service import STRANGER, TENANT, make_world
from tests.support.studio import PAIR, beside
from tests.support.videos import decoded, pan, video

from consentry.azure.names import Container
from consentry.service.jobs.job import Job
from consentry.service.manifests import VIDEO, open_signed
from consentry.vision import Box

Pixels = NDArray[np.uint8]

FILM = f"{TENANT}/film.mp4"
SECONDS = 2
WIDTH, HEIGHT = 440, 300


@cache
def duo(*people: str, seconds: int = SECONDS) -> tuple[Pixels, ...]:
    """Frames of a camera that pans over two people side by side."""
    return tuple(pan(beside(*(people or PAIR)), seconds * RATE, WIDTH, HEIGHT, step=1))


@cache
def film(*people: str) -> bytes:
    """A film of two people, with a key frame at every second; person A is on the left."""
    return video(duo(*people), IN_SECONDS)


def place(pixels: Pixels, left: bool = True) -> Box:
    """Where the person on one side is in a frame of the input."""
    found = vision().detect(np.ascontiguousarray(pixels))
    return sorted((face.box for face in found), key=lambda box: box.left)[0 if left else -1]


def words(box: Box) -> dict[str, float]:
    """A box as a request says it."""
    return {"left": box.left, "top": box.top, "width": box.width, "height": box.height}


@dataclass
class Cinema(ConsentingApp):
    """A service with a film of two people, and what a tenant asks of it."""

    data: bytes = field(default_factory=film)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.world.drop(FILM, self.data, job="wait")
        self.world.arrive(FILM)

    def consenting(self, subject: str = "p-a", photo: str = "person_a_1.jpg") -> str:
        """Register the consent of somebody whose reference is a photograph."""
        consent = self.give(subject)
        route = {"id": consent}
        self.ask("enrol_reference", method="PUT", body=sample(photo), route=route)
        return consent

    def start(self, *, expect: int = 202, tenant: str = TENANT, **wish: Any) -> Any:
        """Ask for a job on the film; gives its id, or the error."""
        asked = {"source": "inbox/film.mp4", **wish}
        told = self.ask("redact", document=asked, expect=expect, tenant=tenant)
        return told["id"] if expect == 202 else told["error"]

    def work(self, **wish: Any) -> Job:
        """Do a whole job on the film."""
        job_id = self.start(**wish)
        deliver(self.world)
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        [found] = [job for job in jobs(self.world, TENANT) if job.id == job_id]
        return found

    def claim(self, consent: str, *, left: bool = True, frame: int = 30) -> dict[str, Any]:
        """Claim the person on one side by a box at a moment."""
        box = words(place(duo()[frame], left))
        return {"receipt": consent, "box": box, "seconds": frame / RATE}

    def result(self) -> list[Pixels]:
        """Frames of the result."""
        return decoded(self.world.content(Container.REDACTED, FILM) or b"")[0]

    def manifest(self) -> dict[str, Any]:
        """The result's manifest."""
        keys = self.world.services.signing_key.public_keys()
        file = self.world.content(Container.REDACTED, f"{FILM}.manifest.json") or b""
        return open_signed(file, kind=VIDEO, public_keys=keys)


def cinema(data: bytes | None = None, **settings: str) -> Cinema:
    """Open one, for two approved tenants."""
    world = make_world(None, **{**SHORT_PIECES, **settings})
    for tenant in (TENANT, STRANGER):
        world.approve(tenant)
    return Cinema(world) if data is None else Cinema(world, data)


def seen(frames: list[Pixels]) -> list[list[Box]]:
    """Faces of every third frame."""
    return [[face.box for face in vision().detect(frame)] for frame in frames[::3]]
