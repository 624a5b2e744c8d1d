"""The audit log over HTTP: a tenant's own records, all for auditors; and proofs."""

from datetime import date
from typing import Final

import azure.functions as func

from consentry.errors import ArgumentError
from consentry.limits import AUDIT_PAGE_RECORDS_MAX
from consentry.service.invocation import Invocation, Outcome
from consentry.service.log_reader import Period, Place
from consentry.trust.checkpoints import Checkpoint
from consentry.trust.operations import Operation
from entry import Api, Endpoint, Provider
from wire import Request, json_reply

SIZE_DIGITS_MAX: Final = 16
LIMIT_DIGITS_MAX: Final = 4


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="audit_records",
            methods=["GET"],
            route="audit/records",
            summary="Records of your tenant by day, page by page; of any tenant for auditors",
            operation=Operation.LIST_RECORDS,
            query=("tenant", "from", "to", "after", "limit"),
        )
    )
    def records(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().log.page(
            invocation,
            tenant=request.query("tenant"),
            period=_period(request, invocation.time.date()),
            after=Place.parse(request.query("after")),
            limit=_limit(request),
        )
        return outcome.map(
            lambda page: json_reply({"records": page.records, "next": str(page.next)})
        )

    @api.http(
        Endpoint(
            name="audit_record",
            methods=["GET"],
            route="audit/records/{id}",
            summary="A record, with proof that it is in the log; a tenant's own, any for auditors",
            operation=Operation.PROVE_RECORD,
        )
    )
    def record(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().proofs.record(invocation, request.identifier("record"))
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


def _period(request: Request, today: date) -> Period:
    """Days as asked for: today, unless said otherwise."""
    try:
        first, last = (
            date.fromisoformat(request.query(name)) if request.query(name) else today
            for name in ("from", "to")
        )
    except ValueError:
        raise ArgumentError("from and to are days, such as 2026-03-14") from None
    return Period(first, last)


def _limit(request: Request) -> int:
    text = request.query("limit") or str(AUDIT_PAGE_RECORDS_MAX)
    if not text.isascii() or not text.isdigit() or len(text) > LIMIT_DIGITS_MAX:
        raise ArgumentError("limit is a number of records")
    if not 1 <= int(text) <= AUDIT_PAGE_RECORDS_MAX:
        raise ArgumentError(f"limit is from 1 to {AUDIT_PAGE_RECORDS_MAX}")
    return int(text)


def _size(request: Request) -> int:
    text = request.query("size")
    if not text.isascii() or not text.isdigit() or len(text) > SIZE_DIGITS_MAX:
        raise ArgumentError("size is the number on the second line of an older checkpoint")
    return int(text)
