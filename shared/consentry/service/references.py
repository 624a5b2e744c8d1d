"""References: the one template that a receipt holds, with which claimed faces are compared.

It lies in the consent's own row, sealed with AES-256-GCM under a data key of the tenant that has no
next version, since receipts live for years; tenant, receipt and model are the associated data. When
the consent ends, the row's last state is written without it.
"""

import os
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consentry.errors import ArgumentError, IntegrityError, NotFoundError
from consentry.service.consent_store import ConsentStore, Kept
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.faces import DETECT_LIMITS
from consentry.service.invocation import Invocation, Outcome
from consentry.service.templates import NONCE_BYTES
from consentry.trust.consents import Consent, Receipt, refusal
from consentry.trust.policy import ConsentRule
from consentry.vision import EMBEDDING_ROLES, Box, Profile, Role, Template, Vision, claimed

_ASSOCIATED: Final = "consentry reference v1"


@dataclass(frozen=True)
class References:
    """Enrols references under receipts, and opens them."""

    vision: Vision
    store: ConsentStore
    keys: DataKeys

    def enrol(
        self, invocation: Invocation, receipt_id: UUID, data: bytes, claim: Box | None
    ) -> Outcome[Receipt]:
        """Make the template of the only face, or of the claimed one, and keep it under a receipt.

        Raises ConsentRequiredError for a receipt that does not hold, ArgumentError for a picture of
        several faces of which none is named, FaceNotFoundError where none is there.
        """
        kept = self.store.find(invocation.tenant, str(receipt_id))
        if kept is None:
            raise NotFoundError("there is no such consent")
        receipt = kept.receipt
        invocation.under(Consent(ConsentRule.REQUIRED, receipt.pii_principal_id, receipt.record_id))
        ended = refusal(receipt, invocation.approval, invocation.time)
        if ended is not None:
            raise invocation.refuse(ended)
        invocation.saw(data)
        picture = self.vision.read(data, limits=DETECT_LIMITS)
        faces = self.vision.detect(picture, Profile.FAST)
        if len(faces) > 1 and claim is None:
            raise ArgumentError("several faces are there: name the box of the reference")
        face = faces[claimed(faces, picture.width, picture.height, claim)]
        template = self.vision.template(picture, face)
        invocation.used(self.vision.using(Role.DETECTOR, *EMBEDDING_ROLES))
        invocation.count(templates=1)
        model = self.vision.template_version()
        sealed = self._seal(receipt, model, template)

        def keep() -> None:
            self.store.enrol(kept, sealed, model)

        return Outcome(receipt, keep)

    def open(self, kept: Kept) -> Template | None:
        """Give a receipt's reference, or None where the models in use have made none.

        Raises IntegrityError for one that is not what ``enrol`` wrote.
        """
        if not kept.reference or kept.model != self.vision.template_version():
            return None
        nonce, sealed = kept.reference[:NONCE_BYTES], kept.reference[NONCE_BYTES:]
        try:
            plain = self._cipher(kept.receipt).decrypt(
                nonce, sealed, _bound_to(kept.receipt, kept.model)
            )
        except InvalidTag:
            raise IntegrityError("a reference does not open") from None
        return np.frombuffer(plain, dtype="<f4").astype(np.float32)

    def _seal(self, receipt: Receipt, model: str, template: Template) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        plain = template.astype("<f4").tobytes()
        return nonce + self._cipher(receipt).encrypt(nonce, plain, _bound_to(receipt, model))

    def _cipher(self, receipt: Receipt) -> AESGCM:
        return AESGCM(self.keys.get(receipt.tenant, Purpose.REFERENCES))


def _bound_to(receipt: Receipt, model: str) -> bytes:
    return f"{_ASSOCIATED}\n{receipt.tenant}\n{receipt.record_id}\n{model}".encode()
