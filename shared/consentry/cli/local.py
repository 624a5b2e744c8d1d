"""The local stack's own stores, for the commands that work on them directly.

In a deployment, approvals and keys are decided by people through the service; these commands
are for the machine in front of you, and refuse any endpoint that is not on it.
"""

from datetime import UTC, datetime

from consentry.azure.names import TableName
from consentry.cli.places import stack_environment
from consentry.errors import ArgumentError, LocalStackError
from consentry.service.access import Access
from consentry.service.callers import Callers
from consentry.service.datakeys import DataKeys
from consentry.service.deployment import connect
from consentry.service.ports import AppendStore
from consentry.service.services import Parts
from consentry.service.settings import Settings, is_loopback


def settings() -> Settings:
    """Settings of the local stack; LocalStackError when they point anywhere else."""
    found = Settings.load(stack_environment())
    endpoints = (found.work_blob_endpoint, found.work_table_endpoint, found.audit_blob_endpoint)
    if not all(map(is_loopback, endpoints)):
        raise LocalStackError("this command works on the local stack only, not on a deployment")
    return found


def served(tenant: str) -> str:
    """Give ``tenant`` back if the local stack serves it; else ArgumentError."""
    if tenant not in settings().tenants:
        raise ArgumentError("the local stack does not serve a tenant of that name")
    return tenant


def access() -> Access:
    """Approvals of the local stack."""
    return Access(_parts().table(TableName.ACCESS))


def callers() -> Callers:
    """Caller keys of the local stack."""
    found = settings()
    parts = connect(found)
    data_keys = DataKeys(parts.table(TableName.DATA_KEYS), parts.wrapping_key)
    return Callers(parts.table(TableName.CALLERS), data_keys, found.tenants)


def audit() -> AppendStore:
    """Audit log of the local stack."""
    return _parts().audit


def now() -> datetime:
    """Time of a decision."""
    return datetime.now(UTC)


def _parts() -> Parts:
    return connect(settings())
