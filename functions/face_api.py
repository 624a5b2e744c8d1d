"""Azure AI Face's ``detect`` and ``verify``, in its wire format; what it retired stays retired."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import azure.functions as func
from pydantic import BaseModel, Field

from consentry.errors import ArgumentError, UnsupportedFeatureError
from consentry.limits import (
    DETECT_BYTES_MAX,
    FACE_ID_SECONDS_MAX,
    FACE_ID_SECONDS_MIN,
    URL_CHARACTERS_MAX,
)
from consentry.service.claims import parse_box
from consentry.service.faces import Detection
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from consentry.trust.operations import Operation
from consentry.vision import EMBEDDING_ROLES, Box
from entry import Api, Endpoint, Provider
from face_attributes import DESCRIBED, QUALITY, as_json, quality_as_json, wanted_attributes
from face_views import model_header, rectangle
from wire import JSON_MEDIA_TYPE, PICTURE_MEDIA_TYPE, Request, json_reply

FACE_HEADER: Final = "X-Consentry-Face"

RECOGNITION_MODELS: Final = frozenset(f"recognition_0{number}" for number in (1, 2, 3, 4))
DETECTION_MODELS: Final = frozenset(f"detection_0{number}" for number in (1, 2, 3))


class DetectBody(BaseModel):
    """JSON body of ``detect``: the address of a picture."""

    url: str = Field(max_length=URL_CHARACTERS_MAX)


class VerifyBody(BaseModel):
    """JSON body of ``verify``: two face ids."""

    faceId1: UUID
    faceId2: UUID


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="detect",
            methods=["POST"],
            route="face/{version}/detect",
            summary="Find faces in a picture; keep a template of one of them if asked to",
            operation=Operation.DETECT,
            query=(
                "returnFaceId",
                "returnFaceLandmarks",
                "returnFaceAttributes",
                "recognitionModel",
                "returnRecognitionModel",
                "detectionModel",
                "faceIdTimeToLive",
            ),
            request=PICTURE_MEDIA_TYPE,
        ),
        choose=_detect_operation,
    )
    def detect(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        _check_options(request)
        lifetime = _lifetime(request)
        claim = claim_of(request.header(FACE_HEADER))
        with_id = invocation.call.operation is Operation.DETECT_WITH_FACE_ID
        wanted = wanted_attributes(request.query("returnFaceAttributes"), embedded=with_id)
        described = bool(wanted & DESCRIBED)
        model = request.query("recognitionModel") or "recognition_01"
        data = _picture(services(), request)
        if with_id:
            found = services().faces.detect_with_id(
                invocation, data, claim=claim, lifetime=lifetime, described=described
            )
        else:
            found = services().faces.detect(invocation, data, described=described)
        named = model if request.flag("returnRecognitionModel", default=False) else ""
        return found.map(lambda detection: _detected(services(), detection, named, wanted))

    @api.http(
        Endpoint(
            name="verify",
            methods=["POST"],
            route="face/{version}/verify",
            summary="Tell whether two face ids stand for one person",
            operation=Operation.VERIFY,
            request=JSON_MEDIA_TYPE,
        )
    )
    def verify(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        body = request.model(VerifyBody)
        outcome = services().faces.verify(invocation, body.faceId1, body.faceId2)
        return outcome.map(
            lambda verification: json_reply(
                verification.document(), headers=model_header(services(), *EMBEDDING_ROLES)
            )
        )

    @api.http(
        Endpoint(
            name="one_to_many",
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            route="face/{version}/{*operation}",
            summary="Searches of one against many and everything kept for them: refused for all",
            operation=Operation.SEARCH,
            replies=(403,),
        )
    )
    def one_to_many(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        del request, invocation
        raise UnsupportedFeatureError("this service compares 1:1 only", reason="one_to_many")

    return api


def _detect_operation(request: Request) -> Operation:
    """Face ids need more approval than rectangles; anything but a plain no asks for them."""
    if request.query("returnFaceId").lower() == "false":
        return Operation.DETECT
    return Operation.DETECT_WITH_FACE_ID


def _check_options(request: Request) -> None:
    request.flag("returnFaceId", default=True)
    if request.flag("returnFaceLandmarks", default=False):
        raise UnsupportedFeatureError("landmarks are not offered", reason="not_offered")
    if request.query("recognitionModel") not in RECOGNITION_MODELS | {""}:
        raise ArgumentError("recognitionModel is recognition_01 to recognition_04")
    if request.query("detectionModel") not in DETECTION_MODELS | {""}:
        raise ArgumentError("detectionModel is detection_01 to detection_03")


def _lifetime(request: Request) -> timedelta:
    text = request.query("faceIdTimeToLive") or str(FACE_ID_SECONDS_MAX)
    if text.isascii() and text.isdigit() and len(text) <= len(str(FACE_ID_SECONDS_MAX)):
        seconds = int(text)
        if FACE_ID_SECONDS_MIN <= seconds <= FACE_ID_SECONDS_MAX:
            return timedelta(seconds=seconds)
    raise ArgumentError("faceIdTimeToLive is 60 to 86400 seconds")


def claim_of(text: str) -> Box | None:
    """Read ``left,top,width,height`` in pixels of the upright picture."""
    if not text:
        return None
    box = parse_box(text)
    if box is not None:
        return box
    raise ArgumentError(f"{FACE_HEADER} is left,top,width,height in whole pixels")


def _picture(services: Services, request: Request) -> bytes:
    match request.media_type():
        case "application/octet-stream":
            return request.body(DETECT_BYTES_MAX)
        case "application/json":
            return services.fetch(request.model(DetectBody).url, limit=DETECT_BYTES_MAX)
    raise ArgumentError("the body is application/octet-stream or application/json")


def _detected(
    services: Services, detection: Detection, model: str, wanted: frozenset[str]
) -> func.HttpResponse:
    faces = []
    for index, face in enumerate(detection.faces):
        entry: dict[str, object] = {"faceRectangle": rectangle(face)}
        if index == detection.claimed:
            entry["faceId"] = str(detection.face_id)
        if model:
            entry["recognitionModel"] = model
        if wanted:
            entry["faceAttributes"] = _attributes(detection, index, wanted)
        faces.append(entry)
    return json_reply(faces, headers=model_header(services, *EMBEDDING_ROLES))


def _attributes(detection: Detection, index: int, wanted: frozenset[str]) -> dict[str, object]:
    told: dict[str, object] = {}
    if detection.attributes:
        told |= as_json(detection.attributes[index], wanted)
    if QUALITY in wanted and index == detection.claimed and detection.quality is not None:
        told |= quality_as_json(detection.quality)
    return told
