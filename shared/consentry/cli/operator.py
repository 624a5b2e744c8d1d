"""The operator at the gate: commands that read the log, each of which leaves its own record.

They work on the stores that the environment names, so whoever runs them has access to those; what
they add is that nobody reads the log through them unseen.
"""

from collections.abc import Callable
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
from consentry.service.gate import Gate, Invocation, Outcome
from consentry.service.parts import Parts
from consentry.service.people import people_of
from consentry.service.policies import policy_book
from consentry.service.quotas import Quotas
from consentry.service.settings import Settings
from consentry.trust.operations import Operation


def run[T](operation: Operation, work: Callable[[Parts, Invocation], Outcome[T]]) -> T:
    """Run a command's work as the operator, and give its value once that is recorded."""
    settings = Settings.load(stack_environment())
    parts = connect(settings)
    keys = DataKeys(parts.table(TableName.DATA_KEYS), parts.wrapping_key, parts.clock)
    gate = Gate(
        Callers(parts.table(TableName.CALLERS), keys, settings.tenants),
        people_of(settings),
        Access(parts.table(TableName.ACCESS), parts.decision_key, parts.decisions),
        ConsentStore(parts.table(TableName.CONSENTS), parts.signing_key, keys, settings.tenants),
        policy_book(),
        keys,
        Quotas(parts.table(TableName.QUOTAS)),
        AuditLog(parts.audit, parts.clock),
        settings.tenants,
        parts.clock,
    )
    call = Call(operation, OperatorCommand(), Trigger.COMMAND, str(uuid4()))
    return gate.run(call, lambda invocation: work(parts, invocation))
