"""A job and its pieces, as rows of the table ``jobs``: partition tenant, state by ETag alone."""

import json
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from consentry.errors import IntegrityError
from consentry.service.inbox_names import UploadName
from consentry.service.ports import Entity, Row

JOB: Final = "job:"
PIECE: Final = "piece:"
JOB_METADATA: Final = "job"  # of a result: the id of the job that made it


class State(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"  # an address was given, nothing has arrived
    ACCEPTED = "accepted"
    CUTTING = "cutting"
    SCANNING = "scanning"
    PLANNING = "planning"  # faces are followed through all pieces, or what remains is looked at
    VERIFYING = "verifying"  # claimed faces are compared with the references of their receipts
    WRITING = "writing"
    JOINING = "joining"
    RELEASING = "releasing"  # too late to cancel
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER: Final = frozenset({State.DONE, State.FAILED, State.CANCELLED})


@dataclass(frozen=True)
class Job:
    """One video's job. ``etag`` is its row's, ``source_etag`` that of the upload it works on.

    ``round`` counts how often pieces were gone through after the scan, and ``wanted`` names, as
    JSON, those of this one; ``verified`` is the round that compared claimed faces, or 0, and all
    others write. ``preview`` and ``claims`` say that it is one, and has some. ``sent``: the
    messages of this state were sent; ``settled``: nothing is left to delete; ``told``: the
    callback took the notice of its end. ``result`` is the result's blob, known from the moment of
    its release. ``sha256`` and ``digest`` are of the input, the latter under the tenant's key.
    """

    tenant: str
    id: str
    etag: str
    state: State
    name: str
    wish: str
    asked_by: str
    created: datetime
    updated: datetime
    source_etag: str = ""
    preview: bool = False
    claims: bool = False
    whole: bool = False
    round: int = 0
    verified: int = 0
    pieces: int = 0
    frames: int = 0
    wanted: str = "[]"
    sent: bool = False
    settled: bool = False
    sha256: str = ""
    digest: str = ""
    size: int = 0
    code: str = ""
    reason: str = ""
    message: str = ""
    result: str = ""
    result_sha256: str = ""
    callback: str = ""
    told: bool = False
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER

    @property
    def upload(self) -> UploadName:
        """The upload that it works on."""
        return UploadName.parse(f"{self.tenant}/{self.name}")

    @property
    def own_result(self) -> str:
        """The result's blob, or nothing: a row is no proof of whose the result is."""
        place = UploadName.parse(self.result)
        return self.result if place.tenant == self.tenant and place.is_addressable else ""

    @property
    def folder(self) -> str:
        """Where all that it makes on its way lies."""
        return f"{self.tenant}/{self.id}/"

    @property
    def writes(self) -> range:
        """The rounds that wrote."""
        return range(self.verified + 1, self.round + 1)

    @property
    def pieces_wanted(self) -> tuple[int, ...]:
        """Numbers of the pieces that this round goes through."""
        return tuple(json.loads(self.wanted))

    def row(self) -> Row:
        """Values of its row."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        values = {name: value for name, value in given.items() if value is not None}
        for key in ("tenant", "id", "etag"):
            del values[key]
        return values | {"state": self.state.value}

    @classmethod
    def of(cls, entity: Entity) -> Self:
        """Read a row; IntegrityError where it is not one of a job."""
        values: dict[str, Any] = dict(entity.values)
        try:
            state = State(values.pop("state"))
            key = entity.row.removeprefix(JOB)
            return cls(tenant=entity.partition, id=key, etag=entity.etag, state=state, **values)
        except (KeyError, TypeError, ValueError):
            raise IntegrityError("the row of a job cannot be read") from None

    def stamped(self, etag: str) -> "Job":
        """Give the job as it was written."""
        return replace(self, etag=etag)


@dataclass(frozen=True)
class PieceRow:
    """How far a piece is: it was looked through, and which round it has been through."""

    number: int
    etag: str
    frames: int
    updated: datetime
    written: int = 0

    def row(self) -> Row:
        """Values of its row."""
        return {"frames": self.frames, "updated": self.updated, "written": self.written}

    @classmethod
    def of(cls, entity: Entity) -> Self:
        """Read a row."""
        values: dict[str, Any] = dict(entity.values)
        return cls(number=int(entity.row.rpartition(":")[2]), etag=entity.etag, **values)
