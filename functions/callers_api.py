"""Keys of callers over HTTP: an admin makes, lists and revokes them for a tenant."""

from typing import Any, Final

import azure.functions as func

from consentry.service.callers import CallerKeyInfo
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.operations import Operation
from consentry.trust.records import utc_text
from entry import Api, Endpoint, Provider
from wire import Request, json_reply

ROUTE: Final = "tenants/{tenant}/keys"
CREATED: Final = 201


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="create_key",
            methods=["POST"],
            route=ROUTE,
            summary="Make a caller's key for a tenant; it is shown this once",
            operation=Operation.CREATE_KEY,
            replies=(CREATED,),
        )
    )
    def create(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().caller_keys.create(invocation, request.route("tenant"))
        return outcome.map(
            lambda key: json_reply(
                {"tenant": key.tenant, "id": key.id, "key": key.text}, status=CREATED
            )
        )

    @api.http(
        Endpoint(
            name="caller_keys",
            methods=["GET"],
            route=ROUTE,
            summary="A tenant's keys by their ids, revoked ones included",
            operation=Operation.LIST_KEYS,
        )
    )
    def keys(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().caller_keys.list(invocation, request.route("tenant"))
        return outcome.map(lambda found: json_reply({"keys": [_document(key) for key in found]}))

    @api.http(
        Endpoint(
            name="revoke_key",
            methods=["POST"],
            route=f"{ROUTE}/{{id}}/revoke",
            summary="End a key: its calls are refused after a second at most",
            operation=Operation.REVOKE_KEY,
        )
    )
    def revoke(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        tenant, key_id = request.route("tenant"), request.route("id")
        outcome = services().caller_keys.revoke(invocation, tenant, key_id)
        return outcome.map(lambda _: json_reply({"tenant": tenant, "id": key_id, "active": False}))

    return api


def _document(key: CallerKeyInfo) -> dict[str, Any]:
    return {"id": key.id, "active": key.active, "createdAt": utc_text(key.created)}
