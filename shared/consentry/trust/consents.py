"""Consent receipts: what a person agreed to, signed for the tenant that answers for it.

The fields are those of a consent record after ISO/IEC TS 27560, as far as they apply to one face
and one controller. A receipt never names the person: ``pii_principal_id`` is a pseudonym that the
tenant chose. Giving and withdrawing are events of one record, which is signed anew with each.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from consentry.errors import IntegrityError
from consentry.limits import (
    CONSENT_DAYS_MAX,
    CONSENT_PURPOSES_MAX,
    NAME_CHARACTERS_MAX,
    SUBJECT_CHARACTERS_MAX,
)
from consentry.stored import PublicKey
from consentry.trust.applications import Place, Word, with_countries
from consentry.trust.approvals import Approval, Reason
from consentry.trust.jws import open_document, sign_document
from consentry.trust.policy import ConsentRule

CONSENT: Final = "consentry-consent+jws"

_PSEUDONYM: Final = re.compile(rf"[A-Za-z0-9._~-]{{1,{SUBJECT_CHARACTERS_MAX}}}")
Pseudonym = Annotated[str, StringConstraints(pattern=rf"^{_PSEUDONYM.pattern}$")]
"""A name for a person that only the tenant can resolve; no mail address fits its alphabet."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=NAME_CHARACTERS_MAX,
        pattern=r"^[^\x00-\x1f\x7f]+$",
    ),
]


class Method(StrEnum):
    """How consent was taken; what is implied or a condition of something else is no consent."""

    WRITTEN = "written"
    ELECTRONIC = "electronic"
    SPOKEN = "spoken"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Controller(_Part):
    """Who answers for what is done with the face, and how a person reaches them."""

    name: Line
    contact: Line


class Notice(_Part):
    """The text that the person was shown: its version, and SHA-256 of it in hexadecimal."""

    version: Line
    sha256: Sha256


class Statement(BaseModel):
    """What a tenant states that a person agreed to; ``purposes`` are use cases of the policy.

    ``withdrawal_method`` tells the person, in words or by an address, how to take it back.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )

    subject: Pseudonym
    purposes: Annotated[tuple[Word, ...], Field(min_length=1, max_length=CONSENT_PURPOSES_MAX)]
    controller: Controller
    notice: Notice
    jurisdiction: Place
    method: Method
    withdrawal_method: Line
    given_at: AwareDatetime
    valid_until: AwareDatetime

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not self.given_at < self.valid_until <= self.given_at + timedelta(days=CONSENT_DAYS_MAX):
            raise ValueError("consent ends after it was given, and within its longest time")
        return self


class Event(_Part):
    """One step in the life of a consent."""

    event_state: Literal["ConsentGiven", "ConsentWithdrawn"]
    event_time: AwareDatetime


class Receipt(_Part):
    """A consent record as it is signed; ``record_id`` is the id of the receipt."""

    schema_version: Literal["ISO/IEC TS 27560:2023"] = "ISO/IEC TS 27560:2023"
    record_id: str
    tenant: str
    pii_principal_id: Pseudonym
    pii_controller: Controller
    pii_type: Literal["biometric template of a face"] = "biometric template of a face"
    lawful_basis: Literal["explicit consent"] = "explicit consent"
    privacy_notice: Notice
    purposes: tuple[Word, ...]
    jurisdiction: Place
    collection_method: Method
    withdrawal_method: Line
    valid_until: AwareDatetime
    events: Annotated[tuple[Event, ...], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        states = [event.event_state for event in self.events]
        if states not in (["ConsentGiven"], ["ConsentGiven", "ConsentWithdrawn"]):
            raise ValueError("consent is given once and withdrawn once at most")
        return self

    @property
    def given_at(self) -> datetime:
        """When the person agreed."""
        return self.events[0].event_time

    @property
    def withdrawn_at(self) -> datetime | None:
        """When it was withdrawn, if it was."""
        return self.events[1].event_time if len(self.events) > 1 else None

    def ended_at(self, now: datetime) -> datetime | None:
        """When it ended, if it has by ``now``: withdrawn, or run out."""
        if self.withdrawn_at is not None:
            return min(self.withdrawn_at, self.valid_until)
        return self.valid_until if self.valid_until <= now else None

    def state(self, now: datetime) -> str:
        """Where it stands: ``given``, ``withdrawn`` or ``expired``."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "given" if now < self.valid_until else "expired"

    def withdrawn(self, now: datetime) -> Self:
        """Give the record with its withdrawal; one that was withdrawn before stays as it is."""
        if self.withdrawn_at is not None:
            return self
        event = Event(event_state="ConsentWithdrawn", event_time=now)
        return self.model_copy(update={"events": (*self.events, event)})


@dataclass(frozen=True)
class Consent:
    """What stands for a person's consent to one invocation; the caller's word has no receipt.

    ``subject`` is the pseudonym; what is made under the consent ends at ``until``.
    """

    rule: ConsentRule
    subject: str
    receipt_id: str = ""
    until: datetime | None = None


def give(record_id: str, tenant: str, statement: Statement) -> Receipt:
    """Make the record of a consent."""
    return Receipt(
        record_id=record_id,
        tenant=tenant,
        pii_principal_id=statement.subject,
        pii_controller=statement.controller,
        privacy_notice=statement.notice,
        purposes=statement.purposes,
        jurisdiction=statement.jurisdiction,
        collection_method=statement.method,
        withdrawal_method=statement.withdrawal_method,
        valid_until=statement.valid_until,
        events=(Event(event_state="ConsentGiven", event_time=statement.given_at),),
    )


def consent_to(
    named: str, receipt: Receipt | None, approval: Approval, now: datetime
) -> Consent | Reason:
    """Tell what stands for consent under an approval now, or why nothing does.

    ``named`` is what the caller names: the id of ``receipt`` where the approval requires one, and a
    pseudonym where it takes the caller's word.
    """
    rule = approval.conditions.consent
    if not named:
        return Reason.CONSENT_MISSING
    if rule is ConsentRule.ATTESTED:
        if not _PSEUDONYM.fullmatch(named):
            return Reason.CONSENT_UNKNOWN
        return Consent(rule, named)
    if receipt is None or receipt.record_id != named:
        return Reason.CONSENT_UNKNOWN
    reason = refusal(receipt, approval, now)
    if reason is not None:
        return reason
    return Consent(rule, receipt.pii_principal_id, receipt.record_id, receipt.valid_until)


def refusal(receipt: Receipt, approval: Approval, now: datetime) -> Reason | None:
    """Tell why a receipt does not cover what an approval allows now; None if it does."""
    if receipt.tenant != approval.tenant or receipt.given_at > now:
        return Reason.CONSENT_UNKNOWN
    if receipt.withdrawn_at is not None:
        return Reason.CONSENT_WITHDRAWN
    if receipt.valid_until <= now:
        return Reason.CONSENT_EXPIRED
    if approval.use_case not in receipt.purposes:
        return Reason.CONSENT_PURPOSE
    if with_countries((receipt.jurisdiction,)).isdisjoint(approval.conditions.jurisdictions):
        return Reason.CONSENT_JURISDICTION
    return None


def sign_receipt(receipt: Receipt, *, kid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a record; gives the compact JWS."""
    return sign_document(receipt.model_dump(mode="json"), kind=CONSENT, kid=kid, sign=sign)


def open_receipt(signed: bytes, *, public_keys: Iterable[PublicKey]) -> Receipt:
    """Verify and read a record; IntegrityError unless it is one, signed by one of the keys."""
    document = open_document(signed, kind=CONSENT, public_keys=public_keys)
    try:
        return Receipt.model_validate(document)
    except ValidationError:
        raise IntegrityError("a consent receipt is not of its form") from None
