"""Redaction of videos over HTTP: a job's progress, its end, and its result to fetch.

``POST /redactions`` with a JSON body starts a job, or gives an address for the video itself.
"""

from typing import TYPE_CHECKING, Any, Final

import azure.functions as func

from consentry.errors import ArgumentError
from consentry.service.addresses import UploadAddress
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from consentry.trust.operations import Operation
from consentry.trust.records import utc_text
from entry import Api, Endpoint, Provider
from uploads_api import address_document, redirect
from wire import Request, json_reply

if TYPE_CHECKING:
    from consentry.service.jobs.desk import Progress

LOCATION_HEADER: Final = "Operation-Location"


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="redaction_job",
            methods=["GET"],
            route="redactions/{id}",
            summary="How far a video's job is: state, percent, frames per second, expected end",
            operation=Operation.READ_JOB,
        )
    )
    def progress(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().jobs().desk.progress(invocation, _job_id(request))
        return outcome.map(lambda found: json_reply(_progress(found)))

    @api.http(
        Endpoint(
            name="cancel_redaction_job",
            methods=["DELETE"],
            route="redactions/{id}",
            summary="End a video's job and delete its input and all that was made of it",
            operation=Operation.CANCEL_JOB,
            replies=(202,),
        )
    )
    def cancel(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().jobs().desk.cancel(invocation, _job_id(request))
        return outcome.map(lambda _: func.HttpResponse(status_code=202))

    @api.http(
        Endpoint(
            name="redaction_content",
            methods=["GET"],
            route="redactions/{id}/content",
            summary="A redirect to the redacted video, or to the preview, valid for minutes",
            operation=Operation.READ_JOB_RESULT,
            replies=(302,),
        )
    )
    def content(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().jobs().desk.content(invocation, _job_id(request))
        return outcome.map(redirect)

    return api


def start_job(
    services: Services, request: Request, invocation: Invocation
) -> Outcome[func.HttpResponse]:
    """Answer a request for a job: where to ask how far it is, and where its video may be put."""
    # FFmpeg's libraries take their time to load, and most processes see no video.
    from consentry.service.jobs.wish import JobRequest

    asked = request.model(JobRequest)
    if bool(asked.source) == bool(asked.name):
        raise ArgumentError("name a source that is there, or the name of an upload to come")
    desk, place = services.jobs().desk, request.origin(services.settings.hostname)
    wish = desk.wish(invocation, asked)
    if asked.source:
        return desk.start(invocation, asked.source, wish).map(lambda job: _accepted(place, job.id))
    awaited = desk.expect(invocation, asked.name, wish)
    return awaited.map(lambda pair: _accepted(place, pair[0].id, pair[1]))


def _accepted(place: str, job_id: str, address: UploadAddress | None = None) -> func.HttpResponse:
    document: dict[str, Any] = {"id": job_id}
    if address is not None:
        document["upload"] = address_document(address)
    headers = {LOCATION_HEADER: f"{place}/redactions/{job_id}"}
    return json_reply(document, status=202, headers=headers)


def _progress(found: "Progress") -> dict[str, Any]:
    job = found.job
    document = {
        "id": job.id,
        "state": job.state.value,
        "round": job.round,
        "percent": found.percent,
        "frames": job.frames,
        "createdAt": utc_text(job.created),
        "updatedAt": utc_text(job.updated),
        "framesPerSecond": found.frames_per_second and round(found.frames_per_second, 1),
        "expectedAt": found.expected and utc_text(found.expected),
        "endedAt": job.ended and utc_text(job.ended),
        "reason": job.code,
    }
    return {name: value for name, value in document.items() if value not in (None, "")}


def _job_id(request: Request) -> str:
    return str(request.identifier("redaction"))
