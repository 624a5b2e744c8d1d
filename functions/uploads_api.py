"""Uploads by address: ask for one, write to it, learn what became of it, fetch the result."""

import re
from typing import Final

import azure.functions as func
from pydantic import BaseModel, Field

from consentry.errors import NotFoundError
from consentry.limits import SUBJECT_CHARACTERS_MAX
from consentry.service.addresses import UploadAddress
from consentry.service.inbox_names import UPLOAD_ID_CHARACTERS
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ledger import UploadStatus
from consentry.trust.operations import Operation
from entry import Api, Endpoint, Provider
from wire import JSON_MEDIA_TYPE, Request, json_reply

_UPLOAD_ID: Final = re.compile(rf"[0-9a-f]{{{UPLOAD_ID_CHARACTERS}}}")


class UploadBody(BaseModel):
    """JSON body of ``POST /uploads``: the name that the upload is to have, and a consent."""

    name: str
    consent: str = Field(default="", max_length=SUBJECT_CHARACTERS_MAX)


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="create_upload",
            methods=["POST"],
            route="uploads",
            summary="A write-once address, valid for minutes, for one blob below the own tenant",
            operation=Operation.CREATE_UPLOAD,
            request=JSON_MEDIA_TYPE,
            replies=(201,),
        )
    )
    def create(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        body = request.model(UploadBody)
        return services().addresses.create(invocation, body.name, body.consent).map(_created)

    @api.http(
        Endpoint(
            name="upload_status",
            methods=["GET"],
            route="uploads/{id}",
            summary="What became of an upload; the reason if it was put into quarantine",
            operation=Operation.READ_UPLOAD,
        )
    )
    def status(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        upload_id = _identifier(request)
        outcome = services().addresses.status(invocation, upload_id)
        return outcome.map(lambda found: json_reply(_status(upload_id, found)))

    @api.http(
        Endpoint(
            name="upload_content",
            methods=["GET"],
            route="uploads/{id}/content",
            summary="A redirect to the result, valid for minutes",
            operation=Operation.READ_UPLOAD,
            replies=(302,),
        )
    )
    def content(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        return services().addresses.content(invocation, _identifier(request)).map(redirect)

    @api.http(
        Endpoint(
            name="upload_manifest",
            methods=["GET"],
            route="uploads/{id}/manifest",
            summary="A redirect to the signed manifest of the result, valid for minutes",
            operation=Operation.READ_UPLOAD,
            replies=(302,),
        )
    )
    def manifest(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        return services().addresses.manifest(invocation, _identifier(request)).map(redirect)

    return api


def _created(address: UploadAddress) -> func.HttpResponse:
    return json_reply(address_document(address), status=201)


def address_document(address: UploadAddress) -> dict[str, object]:
    """Tell where an upload is to go, how, and until when."""
    return {
        "id": address.upload_id,
        "uploadUrl": address.url,
        "method": "PUT",
        "headers": {"x-ms-blob-type": "BlockBlob"},
        "expiresAt": address.expires.isoformat(),
    }


def _status(upload_id: str, status: UploadStatus) -> dict[str, str]:
    document = {
        "id": upload_id,
        "name": status.name,
        "state": status.state.value,
        "updatedAt": status.updated.isoformat(),
    }
    if status.reason:
        document["reason"] = status.reason
    if status.result:
        document["result"] = status.result
    return document


def redirect(url: str) -> func.HttpResponse:
    """Send the caller to an address that lives for minutes."""
    return func.HttpResponse(status_code=302, headers={"Location": url})


def _identifier(request: Request) -> str:
    upload_id = request.route("id")
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise NotFoundError("there is no upload under that id")
    return upload_id
