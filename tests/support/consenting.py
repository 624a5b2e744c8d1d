"""Consents for tests, and a tenant that registers and ends them over HTTP."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.governance import NOW
from tests.support.service import App

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


class ConsentingApp(App):
    """The functions, and what a tenant does with consents."""

    def give(self, subject: str, **changes: Any) -> str:
        """Register a consent, and give the receipt's id."""
        body = statement_body(self.world.clock(), subject=subject, **changes)
        return str(self.ask("give_consent", document=body, expect=201)["id"])

    def withdraw(self, consent: str, expect: int = 200) -> None:
        """End a consent."""
        self.ask("withdraw_consent", route={"id": consent}, expect=expect)
