"""What a consent covers, when it ends, and what can be signed as one."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.consenting import statement
from tests.support.governance import NOW, approval, conditions
from tests.support.memory import MemorySigningKey

from consentry.errors import IntegrityError
from consentry.trust.approvals import Reason
from consentry.trust.consents import Receipt, consent_to, give, open_receipt, sign_receipt
from consentry.trust.policy import ConsentRule

ID = "019cecc5-27b0-7000-8000-0123456789ab"
REQUIRED = approval(conditions=conditions(consent=ConsentRule.REQUIRED))
ATTESTED = approval(conditions=conditions(consent=ConsentRule.ATTESTED))


def _receipt(**changes: Any) -> Receipt:
    return give(ID, "contoso", statement(**changes))


def test_a_receipt_in_force_for_the_use_case_stands_for_consent() -> None:
    found = consent_to(ID, _receipt(), REQUIRED, NOW)
    assert not isinstance(found, Reason)
    assert (found.subject, found.receipt_id) == ("p-4711", ID)
    assert found.until == NOW + timedelta(days=365)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"purposes": ["personalisation"]}, Reason.CONSENT_PURPOSE),
        ({"jurisdiction": "FR"}, Reason.CONSENT_JURISDICTION),
    ],
)
def test_a_receipt_for_something_else_does_not(changes: dict[str, Any], reason: Reason) -> None:
    assert consent_to(ID, _receipt(**changes), REQUIRED, NOW) is reason


def test_a_part_of_an_approved_country_is_covered() -> None:
    assert not isinstance(consent_to(ID, _receipt(jurisdiction="DE-BY"), REQUIRED, NOW), Reason)


def test_consent_ends_at_its_instant_and_begins_no_earlier_than_it_was_given() -> None:
    receipt = _receipt()
    end = receipt.valid_until
    before = consent_to(ID, receipt, REQUIRED, NOW - timedelta(milliseconds=1))
    assert before is Reason.CONSENT_UNKNOWN
    last = consent_to(ID, receipt, REQUIRED, end - timedelta(milliseconds=1))
    assert not isinstance(last, Reason)
    assert consent_to(ID, receipt, REQUIRED, end) is Reason.CONSENT_EXPIRED


def test_a_withdrawn_receipt_covers_nothing_and_stays_withdrawn() -> None:
    once = _receipt().withdrawn(NOW)
    again = once.withdrawn(NOW + timedelta(days=1))
    assert again is once
    assert consent_to(ID, once, REQUIRED, NOW) is Reason.CONSENT_WITHDRAWN
    assert once.ended_at(NOW) == NOW


@pytest.mark.parametrize("named", ["", "p-4711", "019cecc5-27b0-7000-8000-0123456789ac"])
def test_a_pseudonym_or_another_id_is_no_receipt(named: str) -> None:
    reason = Reason.CONSENT_UNKNOWN if named else Reason.CONSENT_MISSING
    assert consent_to(named, _receipt(), REQUIRED, NOW) is reason
    assert consent_to(named, None, REQUIRED, NOW) is reason


def test_another_tenants_receipt_covers_nothing() -> None:
    stranger = give(ID, "fabrikam", statement())
    assert consent_to(ID, stranger, REQUIRED, NOW) is Reason.CONSENT_UNKNOWN


def test_the_callers_word_needs_a_pseudonym_and_no_receipt() -> None:
    found = consent_to("p-4711", None, ATTESTED, NOW)
    assert not isinstance(found, Reason)
    assert (found.rule, found.subject, found.receipt_id) == (ConsentRule.ATTESTED, "p-4711", "")
    assert consent_to("", None, ATTESTED, NOW) is Reason.CONSENT_MISSING
    assert consent_to("ada@contoso.example", None, ATTESTED, NOW) is Reason.CONSENT_UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "ada@contoso.example"},
        {"subject": "Ada Lovelace"},
        {"subject": "x" * 65},
        {"purposes": []},
        {"method": "implied"},
        {"method": "condition"},
        {"notice": {"version": "1", "sha256": "short"}},
        {"jurisdiction": "Germany"},
        {"validUntil": "2026-03-14T15:09:26Z"},
        {"validUntil": "2036-03-14T15:09:26Z"},
        {"withdrawalMethod": " "},
        {"controller": {"name": "a\nb", "contact": "c"}},
    ],
)
def test_a_statement_that_is_no_free_and_bounded_consent_is_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        statement(**changes)


def test_a_signed_receipt_opens_with_its_key_and_no_other() -> None:
    key, other = MemorySigningKey(), MemorySigningKey()
    receipt = _receipt().withdrawn(NOW)
    signed = sign_receipt(receipt, kid=key.kid, sign=key.sign)
    assert open_receipt(signed, public_keys=key.public_keys()) == receipt
    with pytest.raises(IntegrityError):
        open_receipt(signed, public_keys=other.public_keys())


def test_a_record_that_was_never_given_is_no_receipt() -> None:
    key = MemorySigningKey()
    events = _receipt().withdrawn(NOW).events
    forged = _receipt().model_copy(update={"events": events[1:]})
    signed = sign_receipt(forged, kid=key.kid, sign=key.sign)
    with pytest.raises(IntegrityError):
        open_receipt(signed, public_keys=key.public_keys())
