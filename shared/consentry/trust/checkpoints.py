"""Checkpoints: signed statements of where the chains of the audit log ended at a moment.

A hash chain alone cannot tell that its end was cut off, or that it is gone as a whole. A
checkpoint names the heads of the chains that it saw, and the SHA-256 of the checkpoint before
it, so the checkpoints are a chain too. They are compact JWS with a type of their own, stored
as ``checkpoints/{number}.jws`` from 1 on.

A chain belongs to one day and its segments lie under that day. A checkpoint carries the heads
of the days that may still grow (its ``since`` and later); older heads stand in older ones.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consentry.errors import IntegrityError
from consentry.stored import PublicKey
from consentry.trust.chain import GENESIS, Head
from consentry.trust.jws import open_document, peek_document, sign_document

KIND: Final = "consentry-checkpoint+jws"

FOLDER: Final = "checkpoints/"

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class SealedHead(BaseModel):
    """Where one chain ended: after ``count`` lines, at ``size`` bytes of segment ``segment``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    day: Day
    chain: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    segment: Count
    size: Count
    count: Count
    digest: Digest

    @property
    def head(self) -> Head:
        """The chain's head at that moment."""
        return Head(self.count, self.digest)


class Checkpoint(BaseModel):
    """One statement; ``previous`` is the SHA-256 of the signed checkpoint before it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]
    time: Annotated[str, Field(max_length=32)]
    since: Day
    previous: Digest = GENESIS
    heads: list[SealedHead]


def checkpoint_name(number: int) -> str:
    """Name the blob of a checkpoint."""
    return f"{FOLDER}{number:08}.jws"


def sign_checkpoint(checkpoint: Checkpoint, *, kid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Give the checkpoint as it is stored."""
    return sign_document(checkpoint.model_dump(), kind=KIND, kid=kid, sign=sign)


def open_checkpoint(signed: bytes, public_keys: Iterable[PublicKey] | None) -> Checkpoint:
    """Read a stored checkpoint, and verify its signature unless ``public_keys`` is None.

    Raises IntegrityError for anything that is not a checkpoint or does not verify.
    """
    if public_keys is None:
        document = peek_document(signed, kind=KIND)
    else:
        document = open_document(signed, kind=KIND, public_keys=public_keys)
    try:
        return Checkpoint.model_validate(document)
    except ValidationError:
        raise IntegrityError("a checkpoint is not complete") from None


def checkpoint_digest(signed: bytes) -> str:
    """SHA-256 of a stored checkpoint, by which the next one names it."""
    return hashlib.sha256(signed).hexdigest()
