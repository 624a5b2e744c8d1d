"""The local stack's own stores, for the commands that work on them directly.

In a deployment, people make keys with their own rights on the tables; these commands are for
the machine in front of you, and refuse any endpoint that is not on it.
"""

from datetime import UTC, datetime

from consentry.azure.names import TableName
from consentry.cli.places import stack_environment
from consentry.errors import ArgumentError, LocalStackError
from consentry.service.callers import Callers
from consentry.service.datakeys import DataKeys
from consentry.service.deployment import connect
from consentry.service.settings import Settings, is_loopback


def settings() -> Settings:
    """Settings of the local stack; LocalStackError when they point anywhere else."""
    found = Settings.load(stack_environment())
    endpoints = (found.work_blob_endpoint, found.work_table_endpoint, found.audit_blob_endpoint)
    if not all(map(is_loopback, endpoints)):
        raise LocalStackError("this command works on the local stack only, not on a deployment")
    return found


def settings_for(tenant: str) -> Settings:
    """Settings of the local stack; ArgumentError when it does not serve ``tenant``."""
    found = settings()
    if tenant not in found.tenants:
        raise ArgumentError("the local stack does not serve a tenant of that name")
    return found


def callers(found: Settings) -> Callers:
    """Caller keys."""
    parts = connect(found)
    data_keys = DataKeys(parts.table(TableName.DATA_KEYS), parts.wrapping_key, parts.clock)
    return Callers(parts.table(TableName.CALLERS), data_keys, found.tenants)


def now() -> datetime:
    """Time of a decision."""
    return datetime.now(UTC)
