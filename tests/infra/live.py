"""A stack that is really up on the local cloud, for tests that use it or disturb it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consentry.trust.operations import Capability
from local.cloud import Cloud, Resource
from local.events import Manners
from local.machine import Machine, machine
from local.rehearsal import Rehearsal, rehearsal
from local.tenancy import Tenancy, configuration, inside

QUICK = Manners(pause_seconds=0.02)  # between two tries to deliver an event
ROLE = "azure-native:authorization:RoleAssignment::"


@dataclass
class Live:
    """A tenant's stack, and the cloud below it."""

    machine: Machine
    stack: Rehearsal
    tenancy: Tenancy
    consent: str

    @property
    def cloud(self) -> Cloud:
        return self.machine.cloud

    def assignments(self) -> dict[str, Resource]:
        """All role assignments of the stack, by the program's own names."""
        made = {resource.id: resource for resource in self.cloud.resources}
        state = {entry["urn"].partition(ROLE)[2]: entry.get("id") for entry in self.stack.state()}
        return {name: made[found] for name, found in state.items() if name and found in made}


@contextmanager
def running_cloud(scratch: Path, manners: Manners = QUICK) -> Iterator[Machine]:
    """A local cloud without any stack; this process's clients are led to it."""
    with machine(scratch, real=True, manners=manners) as found, inside(found.surroundings):
        yield found


@contextmanager
def deployed(found: Machine, scratch: Path, package: Path, tenant: str) -> Iterator[Live]:
    """Bring up one tenant's stack and have the tenant approved."""
    with rehearsal(tenant, scratch / tenant, found) as stack:
        stack.configure(configuration(found, package, tenant))
        stack.up()
        tenancy = Tenancy(found, stack.outputs(), tenant)
        tenancy.approve(Capability.REDACT, Capability.DETECT, Capability.VERIFY)
        yield Live(found, stack, tenancy, tenancy.give_consent("p-1"))


@contextmanager
def withdrawn(cloud: Cloud, resource: Resource) -> Iterator[None]:
    """Take a resource away behind the program's back, and give it back."""
    cloud.delete(resource.id)
    try:
        yield
    finally:
        cloud.create(resource.token, resource.inputs)
