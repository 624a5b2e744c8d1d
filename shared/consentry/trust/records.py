"""The audit record: what is written of every invocation, and nothing else.

The fields are an allow-list, and each has an alphabet and a length, checked when a record is
made. So no picture, template, name, path or key can reach the log, not even by a mistake
of ours: a value outside its alphabet raises ValueError, and the gate then releases nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from consentry.limits import (
    AUDIT_COUNTS_MAX,
    AUDIT_INPUTS_MAX,
    AUDIT_MODELS_MAX,
    TENANT_CHARACTERS_MAX,
)

OK: Final = "ok"
RELEASE_FAILED: Final = "release_failed"

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_WORD: Final = re.compile(r"[a-z][a-z_]{0,31}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_IDENTIFIER: Final = re.compile(r"[a-z0-9-]{1,32}")
_TENANT: Final = re.compile(rf"[a-z0-9-]{{0,{TENANT_CHARACTERS_MAX}}}")
_COUNT_MAX: Final = 2**53  # integers up to here survive any JSON reader


def _or_nothing(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(f"(?:{pattern.pattern})?")


_ALPHABETS: Final[Mapping[str, re.Pattern[str]]] = {
    "id": _UUID,
    "tenant": _TENANT,
    "regards": _TENANT,
    "principal": re.compile(
        r"(?:caller|person|storage|job|subject|system|operator|unknown):[a-z0-9-]{0,32}"
    ),
    "operation": _WORD,
    "trigger": _WORD,
    "request_id": _UUID,
    "client_request_id": _or_nothing(_UUID),
    "traceparent": _or_nothing(_TRACEPARENT),
    "approval_id": _or_nothing(_UUID),
    "application_id": _or_nothing(_UUID),
    "key_id": re.compile(r"(?:[0-9a-f]{12})?"),
    "consent_rule": _or_nothing(_WORD),
    "consent_id": _or_nothing(_UUID),
    "subject": _or_nothing(_SHA256),
    "reason": _WORD,
    "outcome": re.compile(r"[A-Za-z0-9_]{1,40}"),
}


@dataclass(frozen=True)
class AuditRecord:
    """One line of the audit log.

    ``inputs`` are HMAC-SHA-256 digests under a key of the tenant, in hexadecimal, so that an
    outsider cannot match them with pictures; so is ``subject``, of the pseudonym of whoever's face
    it is about. ``consent_rule`` says whether the receipt ``consent_id`` stands for their consent
    or the caller's word. ``key_id`` is the caller's key that was made or revoked. ``regards`` is
    the tenant whose data somebody of the operator looked at or changed. ``models`` maps roles to
    SHA-256 digests. ``outcome`` is ``ok``, an error code, or ``release_failed`` in a second record
    of an invocation whose first one says ``ok``. ``latency_ms`` is the time up to the record.
    """

    id: str
    time: datetime
    tenant: str
    principal: str
    operation: str
    trigger: str
    request_id: str
    allowed: bool
    reason: str
    outcome: str
    latency_ms: int
    client_request_id: str = ""
    traceparent: str = ""
    approval_id: str = ""
    approval_version: int = 0
    application_id: str = ""
    key_id: str = ""
    consent_rule: str = ""
    consent_id: str = ""
    subject: str = ""
    regards: str = ""
    inputs: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time.utcoffset() is None:
            raise ValueError("time of an audit record is not aware")
        for name, pattern in _ALPHABETS.items():
            _check(name, pattern, getattr(self, name))
        checked_inputs(self.inputs)
        checked_counts(self.counts)
        checked_models(self.models)
        _check_number("latency_ms", self.latency_ms)
        _check_number("approval_version", self.approval_version)

    def document(self) -> dict[str, object]:
        """Give the record as it stands in the log; empty parts are left out."""
        consent = {
            "rule": self.consent_rule,
            "receipt": self.consent_id,
            "subject": self.subject,
        }
        approval = {"id": self.approval_id, "version": self.approval_version}
        document: dict[str, object] = {
            "id": self.id,
            "time": utc_text(self.time),
            "tenant": self.tenant,
            "principal": self.principal,
            "operation": self.operation,
            "trigger": self.trigger,
            "request_id": self.request_id,
            "client_request_id": self.client_request_id,
            "traceparent": self.traceparent,
            "allowed": self.allowed,
            "reason": self.reason,
            "approval": approval if self.approval_id else {},
            "application": self.application_id,
            "key": self.key_id,
            "consent": {name: value for name, value in consent.items() if value},
            "regards": self.regards,
            "inputs": list(self.inputs),
            "counts": dict(self.counts),
            "models": dict(self.models),
            "outcome": self.outcome,
            "latency_ms": self.latency_ms,
        }
        return {name: value for name, value in document.items() if value not in ("", [], {})}


def utc_text(time: datetime) -> str:
    """Write a time as RFC 3339 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_identifier(text: str, *, otherwise: str) -> str:
    """Take a UUID that somebody sent, in lower case, or ``otherwise``; never other text."""
    lowered = text.lower()
    return lowered if _UUID.fullmatch(lowered) else otherwise


def trace_parent(text: str) -> str:
    """Take a W3C traceparent (version 00) that somebody sent, or nothing."""
    return text if _TRACEPARENT.fullmatch(text) else ""


def principal_identifier(text: str, *, otherwise: str) -> str:
    """Take the id of a caller's key, or ``otherwise``; never other text."""
    return text if _IDENTIFIER.fullmatch(text) else otherwise


def checked_inputs(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Give the digests back; ValueError unless they may stand in a record."""
    if len(inputs) > AUDIT_INPUTS_MAX:
        raise ValueError("too many inputs for an audit record")
    for digest in inputs:
        _check("an input", _SHA256, digest)
    return inputs


def checked_counts[Counts: Mapping[str, int]](counts: Counts) -> Counts:
    """Give the counts back; ValueError unless they may stand in a record."""
    if len(counts) > AUDIT_COUNTS_MAX:
        raise ValueError("too many counts for an audit record")
    for name, number in counts.items():
        _check("a count's name", _WORD, name)
        _check_number("a count", number)
    return counts


def checked_models[Models: Mapping[str, str]](models: Models) -> Models:
    """Give the model digests back; ValueError unless they may stand in a record."""
    if len(models) > AUDIT_MODELS_MAX:
        raise ValueError("too many models for an audit record")
    for role, digest in models.items():
        _check("a role", _WORD, role)
        _check("a model's digest", _SHA256, digest)
    return models


def _check(what: str, pattern: re.Pattern[str], value: object) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{what} of an audit record is not of its alphabet")


def _check_number(what: str, number: object) -> None:
    if type(number) is not int or not 0 <= number <= _COUNT_MAX:
        raise ValueError(f"{what} of an audit record is not a count")
