"""Calibration over HTTP: how often a tenant's own people are taken for each other."""

from typing import Annotated, Any, Final
from uuid import UUID

import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from consentry.errors import ArgumentError
from consentry.limits import CALIBRATION_BYTES_MAX, CALIBRATION_FACES_MAX
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.calibrations import TenantCalibration, Told
from consentry.trust.operations import Operation
from consentry.trust.records import utc_text
from entry import Api, Endpoint, Provider
from wire import JSON_MEDIA_TYPE, Request, json_reply

ROUTE: Final = "calibration"


class CalibrationBody(BaseModel):
    """JSON body of a calibration: face ids of the people to calibrate on."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    face_ids: Annotated[list[UUID], Field(max_length=CALIBRATION_FACES_MAX)]


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="calibrate",
            methods=["POST"],
            route=ROUTE,
            summary="How often your people are taken for each other, as rates with noise",
            operation=Operation.CALIBRATE,
            request=JSON_MEDIA_TYPE,
        )
    )
    def calibrate(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        face_ids = request.model(CalibrationBody, CALIBRATION_BYTES_MAX).face_ids
        if len(set(face_ids)) < len(face_ids):
            raise ArgumentError("a face id is named once")
        return services().calibrations.calibrate(invocation, face_ids).map(_reply)

    @api.http(
        Endpoint(
            name="calibration",
            methods=["GET"],
            route=ROUTE,
            summary="What your tenant's last calibration said, and when the next may be",
            operation=Operation.READ_CALIBRATION,
        )
    )
    def calibration(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        del request
        return services().calibrations.read(invocation).map(_reply)

    return api


def _reply(calibration: TenantCalibration) -> func.HttpResponse:
    return json_reply(
        {
            "id": calibration.id,
            "madeAt": utc_text(calibration.made_at),
            "nextFrom": utc_text(calibration.next_from),
            "people": calibration.people,
            "impostorPairs": calibration.impostor_pairs,
            "falseMatches": [
                {"shippedRate": point.rate, **_rate(point.fmr)} for point in calibration.points
            ],
            "genuinePairs": calibration.genuine_people,
            "falseNonMatches": _rate(calibration.fnmr) if calibration.fnmr else None,
        }
    )


def _rate(told: Told) -> dict[str, Any]:
    return {"share": told.share, "interval": list(told.interval), "isBacked": told.is_backed}
