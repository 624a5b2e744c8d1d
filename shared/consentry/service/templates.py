"""Templates behind face ids: encrypted at rest, bound to their tenant, gone when they expire.

A row of the table ``templates`` holds one template, sealed with AES-256-GCM under the tenant's
own data key, whose version it names. Tenant, face id, what made it, expiry, subject, consent and
picture are the associated data, so that a row copied to another tenant, renamed, given a longer
life or another subject does not open. A face id begins with 32 bits of its subject's keyed digest,
so that a subject's templates lie side by side: one row holds all, and nothing can be out of step.
"""

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consentry.errors import ArgumentError, ConflictError, FaceNotFoundError, IntegrityError
from consentry.limits import FACE_ID_SECONDS_MAX, FACE_ID_SECONDS_MIN
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.identifiers import uuid8
from consentry.service.ports import Entity, Row, Table
from consentry.vision import Template

_TAG_DIGITS: Final = 8  # hexadecimal, of a subject's digest and at the start of its face ids
_EMPTY: Final = b""  # in place of what was sealed, until the deletion's receipt is there
_TOLD: Final = ("model", "subject", "consent", "picture")
NONCE_BYTES: Final = 12  # NIST SP 800-38D: 96 bits, random, fresh for every template


@dataclass(frozen=True)
class Binding:
    """Whose template it is: keyed digest of the pseudonym, and the id of a receipt if there is one.

    ``picture`` is the keyed digest of what it was made of. It ends at ``until``, however long it
    was asked to live.
    """

    subject: str
    consent_id: str = ""
    until: datetime | None = None
    picture: str = ""


@dataclass(frozen=True, repr=False)
class Bound:
    """A template, whose it is, and the keyed digest of its picture."""

    template: Template
    subject: str
    consent_id: str
    picture: str


@dataclass(frozen=True)
class TemplateStore:
    """Templates of all tenants served; each call names its tenant."""

    table: Table
    keys: DataKeys

    def keep(
        self,
        tenant: str,
        face_id: UUID,
        template: Template,
        *,
        binding: Binding,
        model: str,
        now: datetime,
        lifetime: timedelta,
    ) -> None:
        """Seal ``template`` (float32, unit length) under ``face_id``, one of ``new_face_id``.

        Raises ArgumentError unless it is asked to live for 60 to 86,400 s.
        """
        if not FACE_ID_SECONDS_MIN <= lifetime.total_seconds() <= FACE_ID_SECONDS_MAX:
            raise ArgumentError("a face id lives for 60 to 86400 seconds")
        expires = min(now + lifetime, binding.until or now + lifetime).replace(microsecond=0)
        key = self.keys.newest(tenant, Purpose.TEMPLATES)
        values: Row = {
            "model": model,
            "expires": expires,
            "key": key.version,
            "subject": binding.subject,
            "consent": binding.consent_id,
            "picture": binding.picture,
        }
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(key.key).encrypt(
            nonce, template.astype("<f4").tobytes(), _bound_to(tenant, face_id, values)
        )
        self.table.insert(tenant, str(face_id), {**values, "sealed": nonce + sealed})

    def open(self, tenant: str, face_id: UUID, *, model: str, now: datetime) -> Bound:
        """Give back a template that has not expired.

        Raises FaceNotFoundError if there is none (any more) or if other models made it, and
        IntegrityError if the row is not what ``keep`` wrote.
        """
        entity = self.table.get(tenant, str(face_id))
        if entity is None or is_emptied(entity) or _expiry(entity) <= now:
            raise FaceNotFoundError("there is no such face id, or it has expired")
        if entity.values.get("model") != model:
            raise FaceNotFoundError("the face id was made by other models; detect the face again")
        sealed = entity.values.get("sealed")
        if not isinstance(sealed, bytes):
            raise IntegrityError("a template's row is not complete")
        key = self.keys.version(tenant, Purpose.TEMPLATES, _key_version(entity))
        if key is None:
            raise FaceNotFoundError("the key of this face id was destroyed; detect the face again")
        bound_to = _bound_to(tenant, face_id, entity.values)
        try:
            plain = AESGCM(key.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise IntegrityError("a template does not open") from None
        template = np.frombuffer(plain, dtype="<f4").astype(np.float32)
        subject, consent, picture = (
            str(entity.values[name]) for name in ("subject", "consent", "picture")
        )
        return Bound(template, subject, consent, picture)

    def open_all(
        self, tenant: str, face_ids: Iterable[UUID], *, model: str, now: datetime, readers: Executor
    ) -> list[Bound]:
        """Open templates side by side, in order; raises what ``open`` does."""
        reads = [
            readers.submit(self.open, tenant, face_id, model=model, now=now) for face_id in face_ids
        ]
        return [read.result() for read in reads]

    def of_subject(self, tenant: str, subject: str) -> list[str]:
        """Face ids of a subject's templates, which ``empty`` leaves listed until ``forget``."""
        near = self.table.query(tenant, row_prefix=subject[:_TAG_DIGITS])
        return [row.row for row in near if row.values.get("subject") == subject]

    def empty(self, tenant: str, face_ids: Iterable[str]) -> None:
        """Delete templates; their face ids stay listed."""
        for face_id in face_ids:
            while (row := self.table.get(tenant, face_id)) is not None and not is_emptied(row):
                with suppress(ConflictError):  # it was emptied or expired meanwhile: look again
                    self.table.replace(
                        tenant, face_id, {**row.values, "sealed": _EMPTY}, etag=row.etag
                    )

    def forget(self, tenant: str, face_ids: Iterable[str]) -> None:
        """Delete the rows of emptied templates, once their receipt is there."""
        for face_id in face_ids:
            self.table.delete(tenant, face_id)

    def expire(self, now: datetime) -> int:
        """Delete all templates whose time has come, whosever they are; give their number."""
        due = [entity for entity in self.table.query() if _expiry(entity) <= now]
        gone = [row for row in due if self.table.delete(row.partition, row.row)]
        return sum(not is_emptied(row) for row in gone)


def new_face_id(subject: str) -> UUID:
    """Make an id for a template of the subject with this keyed digest, in hexadecimal digits."""
    return uuid8(int(subject[:_TAG_DIGITS], 16))


def is_emptied(row: Entity) -> bool:
    """Tell whether a row holds a template no more, only its face id."""
    return row.values.get("sealed") == _EMPTY


def _expiry(entity: Entity) -> datetime:
    expires = entity.values.get("expires")
    if not isinstance(expires, datetime):
        raise IntegrityError("a template's row is not complete")
    return expires


def _key_version(entity: Entity) -> int:
    version = entity.values.get("key")
    if not isinstance(version, int):
        raise IntegrityError("a template's row is not complete")
    return version


def _bound_to(tenant: str, face_id: UUID, values: Row) -> bytes:
    """Give the associated data: all that a row says in the open, and where it lies."""
    told = "\n".join(f"{name}={values.get(name)!s}" for name in _TOLD)
    expires = values.get("expires")
    end = expires.isoformat() if isinstance(expires, datetime) else ""
    return f"consentry template v3\n{tenant}\n{face_id}\n{told}\n{end}".encode()
