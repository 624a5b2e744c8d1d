"""``consentry keys``: caller keys of a tenant, as an admin with a token."""

from typing import Annotated

import typer

from consentry.cli.access import Token
from consentry.cli.answer import Answer, table
from consentry.cli.remote import Endpoint

Tenant = Annotated[str, typer.Argument(help="Tenant id, as in CONSENTRY_TENANTS.")]


def create(tenant: Tenant, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Make a key for a tenant; it is shown this once, only its keyed hash is kept."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        made = service.create_key(tenant)
    return Answer(made, [str(made["key"])])


def list_keys(tenant: Tenant, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """List a tenant's keys by id, revoked ones included."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        keys = service.keys(tenant)
    rows = [(key["id"], "active" if key["active"] else "revoked", key["createdAt"]) for key in keys]
    return Answer({"keys": keys}, [table("key id", "state", "created (UTC)", rows=rows)])


def revoke(
    tenant: Tenant,
    key_id: Annotated[str, typer.Argument(help="Id of the key: its middle part.")],
    endpoint: Endpoint = "",
    token: Token = "",
) -> Answer:
    """Revoke a key; its calls are refused after a second at most."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        revoked = service.revoke_key(tenant, key_id)
    return Answer(revoked, ["The key is revoked."])
