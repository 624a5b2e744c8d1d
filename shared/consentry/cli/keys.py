"""``consentry keys``: caller keys of the local stack."""

from typing import Annotated

import typer

from consentry.cli.answer import Answer, table
from consentry.errors import NotFoundError

Tenant = Annotated[str, typer.Argument(help="Tenant id, as in CONSENTRY_TENANTS.")]


def create(tenant: Tenant) -> Answer:
    """Make a key for a tenant; it is shown this once, only its keyed hash is kept."""
    from consentry.cli import local

    key = local.callers(local.settings_for(tenant)).create(tenant, local.now())
    return Answer({"tenant": tenant, "key": key}, [key])


def list_keys(tenant: Tenant) -> Answer:
    """List a tenant's keys by id, revoked ones included."""
    from consentry.cli import local

    keys = list(local.callers(local.settings_for(tenant)).list(tenant))
    document = [
        {"id": key.id, "active": key.active, "created": key.created.isoformat(timespec="seconds")}
        for key in keys
    ]
    rows = [(key.id, "active" if key.active else "revoked", f"{key.created:%F %T}") for key in keys]
    return Answer({"keys": document}, [table("key id", "state", "created (UTC)", rows=rows)])


def revoke(
    tenant: Tenant,
    key_id: Annotated[str, typer.Argument(help="Id of the key: its middle part.")],
) -> Answer:
    """Revoke a key; its calls are refused after a second at most."""
    from consentry.cli import local

    if not local.callers(local.settings_for(tenant)).revoke(tenant, key_id):
        raise NotFoundError("the tenant has no active key of that id")
    return Answer({"tenant": tenant, "id": key_id, "active": False}, ["The key is revoked."])
