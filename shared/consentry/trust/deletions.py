"""Deletion receipts: signed proof that something is gone, which holds nothing of what it was.

A receipt says what was deleted (for each kind a count and one digest of the ids), when, why, whose
it was, and which invocation did it. Whoever knows the ids can show that they are the ones; nobody
gets an id or a content back out of it. The alphabets of its fields take no other text.

The digest of a kind is SHA-256 over its ids in order, each followed by a newline. What an id is,
depends on the kind: a face id, a row's key, a blob's name.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from consentry.errors import IntegrityError
from consentry.limits import DELETION_KINDS_MAX, TENANT_CHARACTERS_MAX
from consentry.stored import PublicKey
from consentry.trust.jws import open_document, sign_document

DELETION: Final = "consentry-deletion+jws"

_UUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
Uuid = Annotated[str, StringConstraints(pattern=f"^{_UUID}$")]
Tenant = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=TENANT_CHARACTERS_MAX)
]


class DeletionReason(StrEnum):
    """Why something was deleted before its time."""

    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    TENANT_ERASED = "tenant_erased"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Deleted(_Frozen):
    """How many things of one kind are gone, and the digest of their ids."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,31}$")]
    count: Annotated[int, Field(ge=0)]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @classmethod
    def of(cls, kind: str, ids: Collection[str]) -> Self:
        """Count and digest ids, each of which counts once."""
        unique = sorted(set(ids))
        lines = "".join(f"{each}\n" for each in unique)
        return cls(kind=kind, count=len(unique), digest=hashlib.sha256(lines.encode()).hexdigest())


class Deletion(_Frozen):
    """A deletion that has happened.

    ``audit`` is the id of the invocation that did it, and of its audit record; ``concerns`` the id
    of what it was done for, a consent receipt say, or nothing.
    """

    id: Uuid
    tenant: Tenant
    reason: DeletionReason
    time: AwareDatetime
    audit: Uuid
    deleted: Annotated[tuple[Deleted, ...], Field(max_length=DELETION_KINDS_MAX)]
    concerns: Annotated[str, StringConstraints(pattern=rf"^({_UUID})?$")] = ""


def deleted_by_kind(ids: Mapping[str, Collection[str]]) -> tuple[Deleted, ...]:
    """Count and digest the ids of each kind, in order of kind."""
    return tuple(Deleted.of(kind, ids[kind]) for kind in sorted(ids))


def sign_deletion(deletion: Deletion, *, kid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a receipt; gives the compact JWS."""
    document = deletion.model_dump(mode="json")
    return sign_document(document, kind=DELETION, kid=kid, sign=sign)


def open_deletion(signed: bytes, *, public_keys: Iterable[PublicKey]) -> Deletion:
    """Verify and read a receipt; IntegrityError unless it is one, and signed by one of the keys."""
    document = open_document(signed, kind=DELETION, public_keys=public_keys)
    try:
        return Deletion.model_validate(document)
    except ValidationError:
        raise IntegrityError("a deletion receipt is not of its form") from None
