"""Deletion receipts: what they say, and what they cannot say."""

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.governance import NOW, approval
from tests.support.memory import MemorySigningKey

from consentry.errors import IntegrityError
from consentry.trust.decisions import sign_decision
from consentry.trust.deletions import (
    Deleted,
    Deletion,
    DeletionReason,
    deleted_by_kind,
    open_deletion,
    sign_deletion,
)

KEY = MemorySigningKey()
FACE = "0b5e6b0a-52f7-4d2e-9d5e-5ad0a6a1f3aa"
PLAIN: dict[str, Any] = {
    "id": "019cecc5-27b0-7000-8000-0123456789ab",
    "tenant": "contoso",
    "reason": DeletionReason.CONSENT_WITHDRAWN,
    "time": NOW,
    "audit": "019cecc5-27b0-7000-8000-0123456789ac",
    "deleted": deleted_by_kind({"templates": [FACE]}),
    "concerns": "019cecc5-27b0-7000-8000-0123456789ad",
}


def signed(**changes: Any) -> bytes:
    return sign_deletion(Deletion(**PLAIN | changes), kid=KEY.kid, sign=KEY.sign)


def test_a_receipt_says_what_when_why_and_by_which_invocation() -> None:
    assert open_deletion(signed(), public_keys=KEY.public_keys()) == Deletion(**PLAIN)


def test_the_digest_is_that_of_the_sorted_ids_each_once() -> None:
    expected = hashlib.sha256(b"a\nb\n").hexdigest()
    assert Deleted.of("templates", ["b", "a", "b"]) == Deleted(
        kind="templates", count=2, digest=expected
    )
    assert Deleted.of("templates", ["ab"]).digest != Deleted.of("templates", ["a", "b"]).digest


def test_an_id_cannot_be_read_out_of_a_receipt() -> None:
    assert FACE not in Deletion(**PLAIN).model_dump_json()


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "Ada Lovelace"},
        {"concerns": "Ada Lovelace"},
        {"reason": "because"},
        {"audit": "photo.jpg"},
        {"time": NOW.replace(tzinfo=None)},
        {"deleted": ({"kind": "street.jpg", "count": 1, "digest": "0" * 64},)},
        {"deleted": ({"kind": "templates", "count": -1, "digest": "0" * 64},)},
        {"deleted": ({"kind": "templates", "count": 1, "digest": FACE},)},
        {"name": "Ada Lovelace"},
    ],
)
def test_no_field_takes_other_text(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Deletion(**PLAIN | change)


def test_a_receipt_by_another_key_or_of_another_kind_is_none() -> None:
    with pytest.raises(IntegrityError):
        open_deletion(signed(), public_keys=MemorySigningKey().public_keys())
    decision = sign_decision(approval(), kid=KEY.kid, sign=KEY.sign)
    with pytest.raises(IntegrityError):
        open_deletion(decision, public_keys=KEY.public_keys())
