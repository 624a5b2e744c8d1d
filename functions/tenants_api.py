"""Governance of tenants over HTTP: an admin has one erased, and sees how far that is."""

from typing import Any, Final

import azure.functions as func
from pydantic import BaseModel, ConfigDict

from consentry.errors import ArgumentError
from consentry.service.erasure_jobs import Erasure
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.operations import Operation
from consentry.trust.records import utc_text
from entry import Api, Endpoint, Provider
from wire import JSON_MEDIA_TYPE, Request, json_reply

ROUTE: Final = "tenants/{tenant}/erasure"
ACCEPTED: Final = 202


class ErasureBody(BaseModel):
    """JSON body of an erasure: the tenant's name once more, so that nobody erases by a slip."""

    model_config = ConfigDict(extra="forbid")

    confirm: str


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="erase_tenant",
            methods=["POST"],
            route=ROUTE,
            summary="Erase a tenant: keys at once, the rest within minutes, then one receipt",
            operation=Operation.ERASE_TENANT,
            request=JSON_MEDIA_TYPE,
            replies=(ACCEPTED,),
        )
    )
    def erase(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        tenant = request.route("tenant")
        if request.model(ErasureBody).confirm != tenant:
            raise ArgumentError("confirm is the name of the tenant to erase")
        return services().keeping.erasures.begin(invocation, tenant).map(_accepted)

    @api.http(
        Endpoint(
            name="erasure",
            methods=["GET"],
            route=ROUTE,
            summary="How far the erasure of a tenant is, and the id of its receipt",
            operation=Operation.READ_ERASURE,
        )
    )
    def erasure(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().keeping.erasures.status(invocation, request.route("tenant"))
        return outcome.map(lambda found: json_reply(_document(found)))

    return api


def _accepted(erasure: Erasure) -> func.HttpResponse:
    return json_reply(_document(erasure), status=ACCEPTED)


def _document(erasure: Erasure) -> dict[str, Any]:
    document = {
        "tenant": erasure.tenant,
        "state": "done" if erasure.done else "erasing",
        "receipt": erasure.receipt,
        "begunAt": utc_text(erasure.begun),
    }
    if erasure.done is None:
        return document | {"receiptFrom": utc_text(erasure.receipt_from)}
    return document | {"doneAt": utc_text(erasure.done)}
