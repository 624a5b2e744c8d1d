"""The local stack's own settings, for the commands that are for the machine in front of you.

They refuse any endpoint that is not on it.
"""

from datetime import UTC, datetime
from pathlib import Path

from consentry.cli.places import stack_environment
from consentry.errors import ArgumentError, LocalStackError, SettingsError
from consentry.service.settings import Settings, is_loopback


def settings() -> Settings:
    """Settings of the local stack; LocalStackError when they point anywhere else."""
    found = Settings.load(stack_environment())
    endpoints = (
        found.work_blob_endpoint,
        found.work_table_endpoint,
        found.work_queue_endpoint,
        found.audit_blob_endpoint,
    )
    if not all(map(is_loopback, endpoints)):
        raise LocalStackError("this command works on the local stack only, not on a deployment")
    return found


def settings_for(tenant: str) -> Settings:
    """Settings of the local stack; ArgumentError when it does not serve ``tenant``."""
    found = settings()
    if tenant not in found.tenants:
        raise ArgumentError("the local stack does not serve a tenant of that name")
    return found


def issuer_of(found: Settings) -> Path:
    """Public keys of the local stack's issuer; SettingsError where there is none."""
    if found.local_issuer is None:
        raise SettingsError("the local stack has no development issuer")
    return found.local_issuer


def now() -> datetime:
    """Time of a decision."""
    return datetime.now(UTC)
