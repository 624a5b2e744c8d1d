"""Consents for tests."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.governance import NOW

from consentry.trust.consents import Statement
from consentry.trust.records import utc_text


def statement_body(now: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """Make what a tenant sends to register a consent, for a year from ``now``."""
    plain = {
        "subject": "p-4711",
        "purposes": ["touchless_access"],
        "controller": {"name": "Contoso GmbH", "contact": "privacy@operator.example"},
        "notice": {"version": "2026-03", "sha256": "ab" * 32},
        "jurisdiction": "DE",
        "method": "written",
        "withdrawalMethod": "Tell the reception, or use the code on your receipt.",
        "givenAt": utc_text(now),
        "validUntil": utc_text(now + timedelta(days=365)),
    }
    return plain | changes


def statement(now: datetime = NOW, **changes: Any) -> Statement:
    """Make a statement that is whole."""
    return Statement.model_validate(statement_body(now, **changes))
