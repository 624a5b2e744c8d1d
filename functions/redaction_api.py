"""Redaction over HTTP: a picture in, the masked picture out, its manifest to fetch."""

from typing import Final

import azure.functions as func

from consentry.limits import CLAIMS_CHARACTERS_MAX, PICTURE_BYTES_MAX
from consentry.service.claims import parse_claims
from consentry.service.invocation import Invocation, Outcome
from consentry.service.manifests import MANIFEST_MEDIA_TYPE
from consentry.service.redaction import mask_options
from consentry.service.redactor import Done
from consentry.trust.operations import Operation
from entry import Api, Endpoint, Provider
from videos_api import start_job
from wire import JSON_MEDIA_TYPE, PICTURE_MEDIA_TYPE, Request

CLAIMS_HEADER: Final = "X-Consentry-Claims"
MANIFEST_HEADER: Final = "X-Consentry-Manifest"


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="redact",
            methods=["POST"],
            route="redactions",
            summary="A picture back with its faces masked; for a JSON body, the job of a video, "
            "or of a preview of its tracks",
            operation=Operation.REDACT,
            query=("kind", "shape"),
            request=PICTURE_MEDIA_TYPE,
            or_else=JSON_MEDIA_TYPE,
            replies=(200, 202),
        ),
        choose=_redact_operation,
    )
    def redact(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        if _names_video(request):
            return start_job(services(), request, invocation)
        wish = mask_options(
            request.query("kind"), request.query("shape"), services().inbox.default_mask
        )
        claims = parse_claims(request.header(CLAIMS_HEADER, CLAIMS_CHARACTERS_MAX))
        data = request.body(PICTURE_BYTES_MAX)
        outcome = services().redactions.redact(invocation, data, wish, claims)
        return outcome.map(lambda done: _picture(done, invocation))

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
        outcome = services().redactions.manifest(invocation, request.identifier("redaction"))
        return outcome.map(
            lambda data: func.HttpResponse(data, status_code=200, mimetype=MANIFEST_MEDIA_TYPE)
        )

    return api


def _redact_operation(request: Request) -> Operation:
    """Claimed faces become templates, which takes more approval; a JSON body asks for a job."""
    if _names_video(request):
        claims = request.names("claims")
        return Operation.START_JOB_WITH_CLAIMS if claims else Operation.START_JOB
    return Operation.REDACT_WITH_CLAIMS if request.trace(CLAIMS_HEADER) else Operation.REDACT


def _names_video(request: Request) -> bool:
    return request.media_type() == JSON_MEDIA_TYPE


def _picture(done: Done, invocation: Invocation) -> func.HttpResponse:
    redacted, kept = done.redacted, sum(one.is_kept for one in done.claimed)
    return func.HttpResponse(
        redacted.data,
        status_code=200,
        mimetype=redacted.media_type,
        headers={
            MANIFEST_HEADER: f"/redactions/{invocation.id}/manifest",
            "X-Consentry-Masks": str(len(redacted.masks)),
            "X-Consentry-Kept": str(kept),
        },
    )
