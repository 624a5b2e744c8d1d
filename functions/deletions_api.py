"""Deletion receipts over HTTP."""

import azure.functions as func

from consentry.service.deletions import DELETION_MEDIA_TYPE
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.operations import Operation
from entry import Api, Endpoint, Provider
from wire import Request


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="deletion_receipt",
            methods=["GET"],
            route="deletions/{id}",
            summary="The signed receipt of a deletion: what, when, why, never the content",
            operation=Operation.READ_DELETION,
        )
    )
    def receipt(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().deletions.read(invocation, request.identifier("deletion receipt"))
        return outcome.map(
            lambda data: func.HttpResponse(data, status_code=200, mimetype=DELETION_MEDIA_TYPE)
        )

    return api
