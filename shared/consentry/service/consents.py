"""Consents: tenants register what people agreed to, and tenants or people themselves end it.

Every effect is a release: it happens after the audit record is durable.
"""

from dataclasses import dataclass
from functools import partial
from itertools import islice
from uuid import UUID

from consentry.errors import ArgumentError, NotFoundError
from consentry.limits import CONSENTS_LISTED_MAX
from consentry.service.consent_store import ConsentStore, Kept, make_code
from consentry.service.endings import Endings
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.consents import Receipt, Statement, give
from consentry.trust.operations import PrincipalKind
from consentry.trust.policy import PolicyBook


@dataclass(frozen=True, repr=False)
class Given:
    """A new consent: its signed receipt, and the code that is shown this once."""

    receipt: Receipt
    signed: bytes
    code: str


@dataclass(frozen=True)
class Consents:
    """The use cases of consent."""

    store: ConsentStore
    endings: Endings
    book: PolicyBook

    def give(self, invocation: Invocation, statement: Statement) -> Outcome[Given]:
        """Register a consent, which the tenant answers for, and sign its receipt.

        Raises ArgumentError for one that is over, lies in the future, or has unknown purposes.
        """
        if not statement.given_at <= invocation.time < statement.valid_until:
            raise ArgumentError("consent was given before now, and ends after now")
        if not set(statement.purposes) <= set(self.book.in_force(invocation.time).use_cases):
            raise ArgumentError("a purpose is a use case of the policy in force")
        receipt = give(uuid7(invocation.time), invocation.tenant, statement)
        code = make_code(receipt)
        invocation.about(receipt.pii_principal_id, receipt.record_id)
        signed = self.store.sign(receipt)
        given = Given(receipt, signed, code.text)
        return Outcome(given, partial(self.store.add, receipt, signed, code))

    def list(
        self, invocation: Invocation, *, subject: str, after: UUID | None
    ) -> Outcome[list[Receipt]]:
        """Give the tenant's consents, oldest first: those of one subject, those after an id."""
        found = (
            kept.receipt
            for kept in self.store.list(invocation.tenant)
            if (not subject or kept.receipt.pii_principal_id == subject)
            and (after is None or kept.receipt.record_id > str(after))
        )
        listed = list(islice(found, CONSENTS_LISTED_MAX))
        invocation.count(consents=len(listed))
        return Outcome(listed)

    def read(self, invocation: Invocation, receipt_id: UUID) -> Outcome[Kept]:
        """Give one of the tenant's consents, with its signed receipt as it stands now."""
        return Outcome(self._find(invocation, receipt_id))

    def withdraw(self, invocation: Invocation, receipt_id: UUID) -> Outcome[Receipt]:
        """End a consent for good and delete the subject's templates.

        Whoever holds its code ends this one and sees no other.
        """
        kept = self._find(invocation, receipt_id)
        receipt = kept.receipt.withdrawn(invocation.time)

        invocation.count(templates=len(self.endings.templates_of(receipt)))
        return Outcome(receipt, partial(self.endings.end, invocation, kept, receipt))

    def _find(self, invocation: Invocation, receipt_id: UUID) -> Kept:
        principal = invocation.principal
        own = principal.kind is not PrincipalKind.SUBJECT or principal.id == receipt_id.hex
        kept = self.store.find(invocation.tenant, str(receipt_id)) if own else None
        if kept is None:
            raise NotFoundError("there is no such consent")
        invocation.about(kept.receipt.pii_principal_id, kept.receipt.record_id)
        return kept
