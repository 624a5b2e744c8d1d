"""Templates behind face ids: encrypted at rest, bound to their tenant, gone when they expire.

A row of the table ``templates`` holds one template, sealed with AES-256-GCM under the tenant's
own data key, whose version it names. Tenant, face id, model digest and expiry are the associated
data, so that a row copied to another tenant, renamed or given a longer life does not open.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consentry.errors import ArgumentError, FaceNotFoundError, IntegrityError
from consentry.limits import FACE_ID_SECONDS_MAX, FACE_ID_SECONDS_MIN
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.ports import Entity, Table
from consentry.vision import Template

NONCE_BYTES: Final = 12  # NIST SP 800-38D: 96 bits, random, fresh for every template


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
        model: str,
        now: datetime,
        lifetime: timedelta,
    ) -> None:
        """Seal ``template`` (float32, unit length) under ``face_id``, a new random one.

        Raises ArgumentError unless it is to live for 60 to 86,400 s.
        """
        if not FACE_ID_SECONDS_MIN <= lifetime.total_seconds() <= FACE_ID_SECONDS_MAX:
            raise ArgumentError("a face id lives for 60 to 86400 seconds")
        expires = (now + lifetime).replace(microsecond=0)
        nonce = os.urandom(NONCE_BYTES)
        key = self.keys.newest(tenant, Purpose.TEMPLATES)
        sealed = AESGCM(key.key).encrypt(
            nonce, template.astype("<f4").tobytes(), _bound_to(tenant, face_id, model, expires)
        )
        self.table.insert(
            tenant,
            str(face_id),
            {"sealed": nonce + sealed, "model": model, "expires": expires, "key": key.version},
        )

    def open(self, tenant: str, face_id: UUID, *, model: str, now: datetime) -> Template:
        """Give back a template that has not expired.

        Raises FaceNotFoundError if there is none (any more) or if another model made it, and
        IntegrityError if the row is not what ``keep`` wrote.
        """
        entity = self.table.get(tenant, str(face_id))
        if entity is None or _expiry(entity) <= now:
            raise FaceNotFoundError("there is no such face id, or it has expired")
        if entity.values.get("model") != model:
            raise FaceNotFoundError("the face id was made by another model; detect the face again")
        sealed = entity.values.get("sealed")
        if not isinstance(sealed, bytes):
            raise IntegrityError("a template's row is not complete")
        key = self.keys.version(tenant, Purpose.TEMPLATES, _key_version(entity))
        if key is None:
            raise FaceNotFoundError("the key of this face id was destroyed; detect the face again")
        bound_to = _bound_to(tenant, face_id, model, _expiry(entity))
        try:
            plain = AESGCM(key.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise IntegrityError("a template does not open") from None
        return np.frombuffer(plain, dtype="<f4").astype(np.float32)

    def expire(self, now: datetime) -> int:
        """Delete all templates whose time has come, whosever they are; give their number."""
        due = [entity for entity in self.table.query() if _expiry(entity) <= now]
        return sum(self.table.delete(entity.partition, entity.row) for entity in due)


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


def _bound_to(tenant: str, face_id: UUID, model: str, expires: datetime) -> bytes:
    return f"consentry template v1\n{tenant}\n{face_id}\n{model}\n{expires.isoformat()}".encode()
