"""A process that erases a tenant, a few things at a time, until it is killed."""

from dataclasses import replace
from uuid import uuid4

from consentry.service.call import Call, OperatorCommand, Trigger
from consentry.service.deployment import connect
from consentry.service.services import assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Operation


def erase(environment: dict[str, str], tenant: str) -> None:
    """Begin, then go on without end."""
    settings = Settings.load(environment)
    services = assemble(settings, connect(settings))
    erasures = replace(services.keeping.erasures, batch=2)
    call = Call(Operation.ERASE_TENANT, OperatorCommand(), Trigger.COMMAND, str(uuid4()))
    services.gate.run(call, lambda invocation: erasures.begin(invocation, tenant))
    while True:
        services.gate.run(call, erasures.carry_on)
