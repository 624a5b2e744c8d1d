"""The audit log over HTTP: a tenant's own records, proven; and proof that the log only grew."""

from typing import Final
from uuid import UUID

import azure.functions as func

from consentry.errors import ArgumentError, NotFoundError
from consentry.service.gate import Invocation, Outcome
from consentry.trust.checkpoints import Checkpoint
from consentry.trust.operations import Operation
from entry import Api, Endpoint, Provider
from wire import Request, json_reply

SIZE_DIGITS_MAX: Final = 16


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="audit_record",
            methods=["GET"],
            route="audit/records/{id}",
            summary="A record of your tenant, with proof that it is in the log",
            operation=Operation.PROVE_RECORD,
        )
    )
    def record(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().proofs.record(invocation, _identifier(request))
        return outcome.map(lambda proof: json_reply(proof.document()))

    @api.http(
        Endpoint(
            name="audit_checkpoint",
            methods=["GET"],
            route="audit/checkpoint",
            summary="The newest checkpoint, a signed note to keep apart from the log",
            operation=Operation.PROVE_CONSISTENCY,
        )
    )
    def checkpoint(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        del request, invocation
        return services().proofs.checkpoint().map(_note)

    @api.http(
        Endpoint(
            name="audit_consistency",
            methods=["GET"],
            route="audit/consistency",
            summary="Proof that the newest checkpoint's log begins with that of an older one",
            operation=Operation.PROVE_CONSISTENCY,
            query=("size",),
        )
    )
    def consistency(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        del invocation
        outcome = services().proofs.consistency(_size(request))
        return outcome.map(lambda proof: json_reply(proof.document()))

    return api


def _note(checkpoint: Checkpoint) -> func.HttpResponse:
    return func.HttpResponse(
        checkpoint.note, status_code=200, mimetype="text/plain", charset="utf-8"
    )


def _identifier(request: Request) -> UUID:
    try:
        return UUID(request.route("id"))
    except ValueError:
        raise NotFoundError("there is no such record") from None


def _size(request: Request) -> int:
    text = request.query("size")
    if not text.isascii() or not text.isdigit() or len(text) > SIZE_DIGITS_MAX:
        raise ArgumentError("size is the number on the second line of an older checkpoint")
    return int(text)
