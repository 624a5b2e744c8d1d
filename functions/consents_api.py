"""Consents over HTTP: tenants register them, and tenants or the people themselves end them."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import azure.functions as func

from consentry.errors import ArgumentError
from consentry.limits import DETECT_BYTES_MAX
from consentry.service.consents import Given
from consentry.service.invocation import Invocation, Outcome
from consentry.service.outputs import Output
from consentry.trust.consents import Receipt, Statement
from consentry.trust.operations import Operation
from consentry.trust.records import utc_text
from entry import Api, Endpoint, Provider
from face_api import FACE_HEADER, claim_of
from wire import JSON_MEDIA_TYPE, PICTURE_MEDIA_TYPE, Request, json_reply

ROUTE: Final = "consents"
RECEIPT_MEDIA_TYPE: Final = "application/jose"
CREATED: Final = 201


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="give_consent",
            methods=["POST"],
            route=ROUTE,
            summary="Register a person's consent; gives the receipt and their withdrawal code",
            operation=Operation.GIVE_CONSENT,
            request=JSON_MEDIA_TYPE,
            replies=(CREATED,),
        )
    )
    def give(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().consents.give(invocation, request.model(Statement))
        return outcome.map(lambda given: _given(given, invocation.time))

    @api.http(
        Endpoint(
            name="consents",
            methods=["GET"],
            route=ROUTE,
            summary="Consents of your tenant, oldest first, a thousand at a time",
            operation=Operation.READ_CONSENT,
            query=("subject", "after"),
        )
    )
    def consents(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().consents.list(
            invocation, subject=request.query("subject"), after=_after(request)
        )
        now = invocation.time
        return outcome.map(
            lambda found: json_reply({"consents": [consent_document(one, now) for one in found]})
        )

    @api.http(
        Endpoint(
            name="consent",
            methods=["GET"],
            route=f"{ROUTE}/{{id}}",
            summary="A consent, and where it stands",
            operation=Operation.READ_CONSENT,
        )
    )
    def consent(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().consents.read(invocation, request.identifier("consent"))
        return outcome.map(lambda kept: json_reply(consent_document(kept.receipt, invocation.time)))

    @api.http(
        Endpoint(
            name="consent_receipt",
            methods=["GET"],
            route=f"{ROUTE}/{{id}}/receipt",
            summary="The signed receipt of a consent, as it stands now",
            operation=Operation.READ_CONSENT,
        )
    )
    def receipt(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().consents.read(invocation, request.identifier("consent"))
        return outcome.map(
            lambda kept: func.HttpResponse(
                kept.signed, status_code=200, mimetype=RECEIPT_MEDIA_TYPE
            )
        )

    @api.http(
        Endpoint(
            name="enrol_reference",
            methods=["PUT"],
            route=f"{ROUTE}/{{id}}/reference",
            summary="Keep a template of the person as the receipt's reference, while it holds",
            operation=Operation.ENROL_REFERENCE,
            request=PICTURE_MEDIA_TYPE,
        )
    )
    def reference(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().references.enrol(
            invocation,
            request.identifier("consent"),
            request.body(DETECT_BYTES_MAX),
            claim_of(request.header(FACE_HEADER)),
        )
        return outcome.map(lambda found: json_reply(consent_document(found, invocation.time)))

    @api.http(
        Endpoint(
            name="consent_outputs",
            methods=["GET"],
            route=f"{ROUTE}/{{id}}/outputs",
            summary="Outputs in which a receipt kept a face visible",
            operation=Operation.READ_IMPACT,
        )
    )
    def outputs(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().impact.read(invocation, request.identifier("consent"))
        return outcome.map(lambda found: json_reply({"outputs": [_output(one) for one in found]}))

    @api.http(
        Endpoint(
            name="redact_again",
            methods=["POST"],
            route=f"{ROUTE}/{{id}}/outputs/{{output}}/redact",
            summary="Mask every face of a stored output, and put that in its place",
            operation=Operation.REDACT_AGAIN,
        )
    )
    def redact_again(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().impact.redact_again(
            invocation, request.identifier("consent"), request.identifier("consent", "output")
        )
        return outcome.map(lambda found: json_reply(_output(found)))

    @api.http(
        Endpoint(
            name="withdraw_consent",
            methods=["POST"],
            route=f"{ROUTE}/{{id}}/withdraw",
            summary="End a consent, as its tenant or by the person's own withdrawal code",
            operation=Operation.WITHDRAW_CONSENT,
        )
    )
    def withdraw(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().consents.withdraw(invocation, request.identifier("consent"))
        return outcome.map(lambda found: json_reply(consent_document(found, invocation.time)))

    return api


def consent_document(receipt: Receipt, now: datetime) -> dict[str, Any]:
    """Give the JSON document of a consent."""
    withdrawn = receipt.withdrawn_at
    return {
        "id": receipt.record_id,
        "state": receipt.state(now),
        "subject": receipt.pii_principal_id,
        "purposes": list(receipt.purposes),
        "controller": receipt.pii_controller.model_dump(),
        "notice": receipt.privacy_notice.model_dump(),
        "jurisdiction": receipt.jurisdiction,
        "method": receipt.collection_method.value,
        "withdrawalMethod": receipt.withdrawal_method,
        "givenAt": utc_text(receipt.given_at),
        "validUntil": utc_text(receipt.valid_until),
        **({"withdrawnAt": utc_text(withdrawn)} if withdrawn else {}),
    }


def _output(output: Output) -> dict[str, str]:
    document = {
        "id": output.invocation,
        "time": utc_text(output.time),
        "sha256": output.sha256,
        "result": output.result,
        "redactedAgain": output.redacted_again,
    }
    return {name: value for name, value in document.items() if value}


def _given(given: Given, now: datetime) -> func.HttpResponse:
    document = {
        **consent_document(given.receipt, now),
        "receipt": given.signed.decode(),
        "withdrawalCode": given.code,
    }
    return json_reply(document, status=CREATED)


def _after(request: Request) -> UUID | None:
    text = request.query("after")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise ArgumentError("after is the id of a consent") from None
