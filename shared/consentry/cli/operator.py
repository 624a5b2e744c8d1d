"""The operator at the gate: commands that work on the stores, each of which leaves its own record.

They work on the stores that the environment names, so whoever runs them has access to those; what
they add is that nobody looks or deletes through them unseen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from consentry.azure.names import TableName
from consentry.cli.places import stack_environment
from consentry.service.access import Access
from consentry.service.audit import AuditLog
from consentry.service.call import Call, OperatorCommand, Trigger
from consentry.service.callers import Callers
from consentry.service.consent_store import ConsentStore
from consentry.service.datakeys import DataKeys
from consentry.service.deployment import connect
from consentry.service.gate import Gate
from consentry.service.invocation import Invocation, Outcome
from consentry.service.keeping import Keeping, keeping_of
from consentry.service.parts import Parts
from consentry.service.people import people_of
from consentry.service.policies import policy_book
from consentry.service.quotas import Quotas
from consentry.service.settings import Settings
from consentry.trust.operations import Operation


@dataclass(frozen=True)
class Operator:
    """The stores of a deployment, and a gate before them."""

    settings: Settings
    parts: Parts
    keeping: Keeping
    gate: Gate

    def run[T](self, operation: Operation, work: Callable[[Invocation], Outcome[T]]) -> T:
        """Run a command's work, and give its value once that is recorded."""
        call = Call(operation, OperatorCommand(), Trigger.COMMAND, str(uuid4()))
        return self.gate.run(call, work)


def operator() -> Operator:
    """Be the operator of the deployment that the environment names, else of the local stack."""
    settings = Settings.load(stack_environment())
    parts = connect(settings)
    keys = DataKeys(parts.table(TableName.DATA_KEYS), parts.wrapping_key, parts.clock)
    access = Access(parts.table(TableName.ACCESS), parts.decision_key, parts.decisions)
    gate = Gate(
        Callers(parts.table(TableName.CALLERS), keys, settings.tenants),
        people_of(settings),
        access,
        ConsentStore(parts.table(TableName.CONSENTS), parts.signing_key, keys, settings.tenants),
        policy_book(),
        keys,
        Quotas(parts.table(TableName.QUOTAS)),
        AuditLog(parts.audit, parts.clock),
        settings.tenants,
        parts.clock,
        place=settings.jurisdiction,
    )
    return Operator(settings, parts, keeping_of(settings, parts, access, keys), gate)


def run[T](operation: Operation, work: Callable[[Parts, Invocation], Outcome[T]]) -> T:
    """Run a command's work on the stores as the operator."""
    me = operator()
    return me.run(operation, lambda invocation: work(me.parts, invocation))
