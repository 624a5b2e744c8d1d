"""Redaction over HTTP: a picture in, the masked picture out, its manifest to fetch."""

from typing import Final
from uuid import UUID

import azure.functions as func

from consentry.errors import ArgumentError, NotFoundError
from consentry.limits import PICTURE_BYTES_MAX
from consentry.service.gate import Invocation, Outcome
from consentry.service.manifests import MANIFEST_MEDIA_TYPE
from consentry.service.redaction import mask_options
from consentry.trust.operations import Operation
from consentry.vision import Redacted
from entry import Api, Endpoint, Provider
from wire import PICTURE_MEDIA_TYPE, Request

MANIFEST_HEADER: Final = "X-Consentry-Manifest"


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="redact",
            methods=["POST"],
            route="redactions",
            summary="Mask every face of a picture and send it back",
            operation=Operation.REDACT,
            query=("kind", "shape"),
            request=PICTURE_MEDIA_TYPE,
        )
    )
    def redact(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        if request.media_type() == "application/json":
            raise ArgumentError("send the picture itself")
        wish = mask_options(
            request.query("kind"), request.query("shape"), services().inbox.default_mask
        )
        outcome = services().redactions.redact(invocation, request.body(PICTURE_BYTES_MAX), wish)
        return outcome.map(lambda redacted: _picture(redacted, invocation))

    @api.http(
        Endpoint(
            name="redaction_manifest",
            methods=["GET"],
            route="redactions/{id}/manifest",
            summary="The signed manifest of a redaction",
            operation=Operation.READ_MANIFEST,
        )
    )
    def manifest(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().redactions.manifest(invocation, _identifier(request))
        return outcome.map(
            lambda data: func.HttpResponse(data, status_code=200, mimetype=MANIFEST_MEDIA_TYPE)
        )

    return api


def _picture(redacted: Redacted, invocation: Invocation) -> func.HttpResponse:
    return func.HttpResponse(
        redacted.data,
        status_code=200,
        mimetype=redacted.media_type,
        headers={
            MANIFEST_HEADER: f"/redactions/{invocation.id}/manifest",
            "X-Consentry-Masks": str(len(redacted.masks)),
        },
    )


def _identifier(request: Request) -> UUID:
    try:
        return UUID(request.route("id"))
    except ValueError:
        raise NotFoundError("there is no such redaction") from None
