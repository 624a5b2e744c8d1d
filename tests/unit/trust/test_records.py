"""What may stand in the audit log, and real leaks that must not."""

import base64
import json
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from tests.support.logs import audit_record

from consentry import errors
from consentry.trust.records import (
    AuditRecord,
    principal_identifier,
    request_identifier,
    trace_parent,
)

TEMPLATE = np.linspace(-1, 1, 128, dtype=np.float32)
LEAKS: list[object] = [
    "alice.jpg",
    "inbox/contoso/Alice Example.jpg",
    "../../etc/passwd",
    "Alice Example",
    "alice@example.org",
    "contoso.a1b2c3d4e5f6.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE",
    base64.b64encode(TEMPLATE.tobytes()).decode(),
    TEMPLATE.tobytes().hex(),
    str(TEMPLATE.tolist()),
    "data:image/jpeg;base64,/9j/4AAQSkZJRg==",
    "line\nbreak",
    "x" * 10_000,
    "https://account.blob.core.windows.net/inbox/a?sig=abc",
    b"\xff\xd8\xff",
    TEMPLATE.tolist(),
    {"name": "alice"},
    0.5,
    None,
]
TEXT_FIELDS = [
    field.name
    for field in fields(AuditRecord)
    if field.name not in ("time", "allowed", "latency_ms", "approval_version", "inputs")
]


@pytest.mark.parametrize("name", TEXT_FIELDS)
@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
def test_no_field_takes_a_leak(name: str, leak: object) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        audit_record(1, **{name: leak})


@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
def test_no_list_takes_a_leak(leak: Any) -> None:
    for more in (
        {"inputs": (leak,)},
        {"models": {"detector": leak}},
        {"counts": {"faces": leak}},
    ):
        with pytest.raises((ValueError, TypeError)):
            audit_record(1, **more)
    if isinstance(leak, str):
        for more in ({"models": {leak: "f" * 64}}, {"counts": {leak: 1}}):
            with pytest.raises(ValueError, match="alphabet"):
                audit_record(1, **more)


@pytest.mark.parametrize("number", [-1, 2**53 + 1, True, 1.0, float(TEMPLATE[1]), "1"])
def test_a_count_is_a_whole_number(number: object) -> None:
    for more in (
        {"counts": {"faces": number}},
        {"latency_ms": number},
        {"approval_version": number},
    ):
        with pytest.raises(ValueError, match="not a count"):
            audit_record(1, **more)


def test_a_template_does_not_fit_into_the_counts() -> None:
    counts = {f"v{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(128)}
    with pytest.raises(ValueError, match="too many counts"):
        audit_record(1, counts=counts)


def test_inputs_and_models_are_limited_in_number() -> None:
    with pytest.raises(ValueError, match="too many inputs"):
        audit_record(1, inputs=("f" * 64,) * 17)
    with pytest.raises(ValueError, match="too many models"):
        audit_record(1, models={chr(97 + n): "f" * 64 for n in range(9)})


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="not aware"):
        audit_record(1, time=datetime(2026, 3, 14))  # noqa: DTZ001 (the point of the test)


def test_a_record_is_written_with_its_fields_and_without_empty_ones() -> None:
    document = audit_record(1, counts={"faces": 0}).document()
    assert document["time"] == "2026-03-14T15:09:26.000Z"
    assert document["counts"] == {"faces": 0}
    assert document["allowed"] is True
    assert document.keys().isdisjoint({"traceparent", "approval", "models", "inputs"})
    assert json.loads(json.dumps(document)) == document


def test_a_denial_says_so() -> None:
    assert audit_record(1, allowed=False).document()["allowed"] is False


def test_every_error_code_may_stand_in_a_record() -> None:
    kinds = [errors.ConsentryError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        assert audit_record(1, outcome=kind.code).outcome == kind.code


@pytest.mark.parametrize("text", ["", "alice", "g" * 36, f"{UUID(int=1)}\n", f" {UUID(int=1)}"])
def test_a_request_id_that_is_no_uuid_is_replaced(text: str) -> None:
    assert request_identifier(text, otherwise="mine") == "mine"


def test_a_request_id_that_is_a_uuid_is_kept_in_lower_case() -> None:
    text = "0193A7E2-1B2C-7D3E-8F40-A1B2C3D4E5F6"
    assert request_identifier(text, otherwise="") == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"01-{'a' * 32}-{'b' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01-alice",
        f"00-{'a' * 32}-{'b' * 16}-01\n",
    ],
)
def test_a_traceparent_of_another_form_is_dropped(text: str) -> None:
    assert trace_parent(text) == ""


def test_a_traceparent_is_kept() -> None:
    text = f"00-{'a' * 32}-{'b' * 16}-01"
    assert trace_parent(text) == text
    assert audit_record(1, traceparent=text).document()["traceparent"] == text


def test_a_principal_is_a_keys_id_or_nothing_that_was_sent() -> None:
    assert principal_identifier("a1b2c3d4e5f6", otherwise="inbox") == "a1b2c3d4e5f6"
    for text in ("", "Alice", "a" * 33, "a b", "a\n"):
        assert principal_identifier(text, otherwise="inbox") == "inbox"
