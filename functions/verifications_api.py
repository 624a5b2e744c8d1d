"""Two photographs in, one answer out: 1:1 verification that keeps nothing."""

from typing import Any, Final

import azure.functions as func

from consentry.errors import ArgumentError
from consentry.limits import VERIFICATION_BYTES_MAX
from consentry.service.claims import parse_box
from consentry.service.comparisons import Comparison
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from consentry.trust.operations import Operation
from consentry.vision import EMBEDDING_ROLES, Photograph, Recognised
from entry import Api, Endpoint, Provider
from face_attributes import quality_as_json
from face_views import model_header, rectangle
from forms import FORM_MEDIA_TYPE, Form, read_form
from wire import Request, json_reply

PROBE: Final = "probe"
REFERENCE: Final = "reference"
FACE_SUFFIX: Final = "Face"  # of the text that names a face in the photograph
FILES: Final = frozenset({PROBE, REFERENCE})
TEXTS: Final = frozenset(name + FACE_SUFFIX for name in FILES)


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    @api.http(
        Endpoint(
            name="verify_pictures",
            methods=["POST"],
            route="verifications",
            summary="Tell whether two photographs show one person; nothing of them is kept",
            operation=Operation.VERIFY_PICTURES,
            request=FORM_MEDIA_TYPE,
        )
    )
    def verify_pictures(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        form = read_form(request, VERIFICATION_BYTES_MAX)
        if form.files.keys() != FILES or not form.texts.keys() <= TEXTS:
            raise ArgumentError("the form has the files probe and reference, and no other parts")
        outcome = services().comparisons.verify(
            invocation, _photograph(form, PROBE), _photograph(form, REFERENCE)
        )
        return outcome.map(lambda comparison: _compared(services(), comparison))

    return api


def _photograph(form: Form, name: str) -> Photograph:
    text = form.texts.get(name + FACE_SUFFIX, "")
    box = parse_box(text) if text else None
    if text and box is None:
        raise ArgumentError(f"{name}{FACE_SUFFIX} is left,top,width,height in whole pixels")
    return Photograph(form.files[name], box)


def _compared(services: Services, comparison: Comparison) -> func.HttpResponse:
    told = comparison.verification.document()
    for name, recognised in ((PROBE, comparison.probe), (REFERENCE, comparison.reference)):
        told[name] = _recognised(services, recognised)
    return json_reply(told, headers=model_header(services, *EMBEDDING_ROLES))


def _recognised(services: Services, recognised: Recognised) -> dict[str, Any]:
    quality = services.vision.quality(recognised.embedded)
    return {"faceRectangle": rectangle(recognised.face), **quality_as_json(quality)}
