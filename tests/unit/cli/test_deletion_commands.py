"""``deletion verify``: deletion receipts, checked offline."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.command_line import Consentry
from tests.support.memory import MemorySigningKey

from consentry.trust.deletions import Deletion, DeletionReason, deleted_by_kind, sign_deletion

FACES = [str(uuid4()) for _ in range(3)]


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    """A receipt, with its public keys beside it."""
    key = MemorySigningKey()
    deletion = Deletion(
        id=str(uuid4()),
        tenant="contoso",
        reason=DeletionReason.CONSENT_WITHDRAWN,
        time=datetime(2026, 3, 14, tzinfo=UTC),
        audit=str(uuid4()),
        deleted=deleted_by_kind({"templates": FACES}),
    )
    path = tmp_path / "receipt.jws"
    path.write_bytes(sign_deletion(deletion, kid=key.kid, sign=key.sign))
    published = {"keys": [{**found.jwk, "kid": found.kid} for found in key.public_keys()]}
    (tmp_path / "keys.json").write_text(json.dumps(published))
    return path


def test_a_receipt_verifies_offline(consentry: Consentry, receipt: Path) -> None:
    ran = consentry("deletion", "verify", receipt, "--public-key", receipt.with_name("keys.json"))
    assert ran.code == 0
    assert "consent_withdrawn" in ran.out


def test_a_receipt_is_about_exactly_the_ids_that_it_was_made_for(
    consentry: Consentry, receipt: Path, tmp_path: Path
) -> None:
    ids = tmp_path / "ids.txt"
    words = ("deletion", "verify", receipt, "--public-key", receipt.with_name("keys.json"))
    ids.write_text("\n".join(reversed(FACES)))
    ran = consentry(*words, "--kind", "templates", "--ids", ids, "--json")
    assert (ran.code, ran.document["deletion"]["deleted"][0]["count"]) == (0, 3)
    ids.write_text("\n".join(FACES[:2]))
    assert consentry(*words, "--kind", "templates", "--ids", ids).code == 1
    assert consentry(*words, "--ids", ids).code == 4


def test_a_receipt_that_was_changed_or_is_by_another_key_does_not_verify(
    consentry: Consentry, receipt: Path
) -> None:
    keys = receipt.with_name("keys.json")
    whole = receipt.read_bytes()
    head, payload, signature = whole.split(b".")
    receipt.write_bytes(b".".join((head, payload[:-8] + b"AAAAAAAA", signature)))
    assert consentry("deletion", "verify", receipt, "--public-key", keys).code == 1
    receipt.write_bytes(whole)
    keys.write_text(json.dumps({"keys": []}))
    assert consentry("deletion", "verify", receipt, "--public-key", keys).code == 1
