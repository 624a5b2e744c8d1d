"""Requests in, replies out: the one error shape, the limits on a body, the headers.

The shapes are Azure AI Face's: ``{"error": {"code", "message"}}`` with the code once more in
the header ``x-ms-error-code``.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import azure.functions as func
from pydantic import BaseModel, ValidationError

from consentry.errors import (
    ArgumentError,
    ConsentryError,
    LengthRequiredError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
)
from consentry.limits import HEADER_CHARACTERS_MAX, JSON_BYTES_MAX
from consentry.service.call import ApiKey, BearerToken, SubjectCode
from consentry.service.settings import is_loopback

JSON_MEDIA_TYPE: Final = "application/json"
PICTURE_MEDIA_TYPE: Final = "application/octet-stream"
KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
CODE_HEADER: Final = "X-Consentry-Withdrawal-Code"
CONSENT_HEADER: Final = "X-Consentry-Consent"

STATUS: Final[Mapping[str, int]] = {
    "401": 401,
    "BadArgument": 400,
    "ConcurrentOperationConflict": 409,
    "ConsentRequired": 403,
    "FaceNotFound": 404,
    "IllegalState": 409,
    "InternalError": 500,
    "InvalidImage": 400,
    "InvalidImageSize": 400,
    "InvalidURL": 400,
    "InvalidVideo": 400,
    "InvalidVideoSize": 400,
    "LengthRequired": 411,
    "ModelLayer": 503,
    "NotFound": 404,
    "RateLimitExceeded": 429,
    "Refused": 403,
    "RequestTooLarge": 413,
    "ResidualFace": 422,
    "ServiceUnavailable": 503,
    "Settings": 503,
    "SubjectMismatch": 403,
    "UnsupportedFeature": 403,
    "UploadExpired": 410,
}
"""HTTP status of error codes; what is not here is a fault of ours, 500."""

_FIELD_SAFE = re.compile(r"[\x20-\x7e]*")


class Request:
    """A request as the handlers see it: nothing is read from the body until asked for."""

    def __init__(self, request: func.HttpRequest) -> None:
        self._request = request
        self._headers: dict[str, str] = {
            name.lower(): value for name, value in request.headers.items()
        }

    @property
    def credential(self) -> ApiKey | BearerToken | SubjectCode:
        """The tenant key, the person's token or the withdrawal code that came with the request.

        An empty key where there was none, or more than one: nobody is two people at once.
        """
        key, code = (self._headers.get(name.lower(), "") for name in (KEY_HEADER, CODE_HEADER))
        scheme, _, token = self._headers.get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        if bearer + bool(key) + bool(code) > 1:
            return ApiKey("")
        if bearer:
            return BearerToken(token.strip())
        return SubjectCode(code) if code else ApiKey(key)

    def header(self, name: str, limit: int = HEADER_CHARACTERS_MAX) -> str:
        """A header's value, or nothing; ArgumentError when it is longer than its limit."""
        value = self._headers.get(name.lower(), "")
        if len(value) > limit:
            raise ArgumentError(f"the header {name} is too long")
        return value

    def trace(self, name: str) -> str:
        """A header that only goes to the record, which checks its form: cut to the limit."""
        return self._headers.get(name.lower(), "")[:HEADER_CHARACTERS_MAX]

    def query(self, name: str) -> str:
        """A query parameter, or nothing."""
        return str(self._request.params.get(name) or "")

    def flag(self, name: str, *, default: bool) -> bool:
        """A query parameter that is true or false."""
        match self.query(name).lower():
            case "":
                return default
            case "true":
                return True
            case "false":
                return False
        raise ArgumentError(f"{name} is true or false")

    def origin(self, hostname: str) -> str:
        """Address by which callers reach the service, which goes by ``hostname`` if that is known.

        What a request calls its host counts on the loopback interface alone: elsewhere whoever
        sends it may write there what they like. Nothing where the address is not known.
        """
        host = hostname or urlsplit(self._request.url).netloc
        local = is_loopback(f"//{host}")
        if not hostname and not local:
            return ""
        return f"{'http' if local else 'https'}://{host}"

    def route(self, name: str) -> str:
        """A part of the path."""
        return str(self._request.route_params.get(name) or "")

    def identifier(self, missing: str, part: str = "id") -> UUID:
        """An id in the path; NotFoundError, in the words of what is not there, for any other text.

        So nobody learns from an answer whether an id was malformed, unknown or somebody else's.
        """
        try:
            return UUID(self.route(part))
        except ValueError:
            raise NotFoundError(f"there is no such {missing}") from None

    def media_type(self) -> str:
        """Type of the body, without parameters."""
        return self._headers.get("content-type", "").partition(";")[0].strip().lower()

    def body(self, limit: int) -> bytes:
        """Give the whole body, of at most ``limit`` bytes.

        Raises LengthRequiredError for a chunked body, which the platform delivers empty.
        """
        if "content-length" not in self._headers:
            raise LengthRequiredError("send the body with a Content-Length, not in chunks")
        data = self._request.get_body()
        if len(data) > limit:
            raise PayloadTooLargeError(f"the body is larger than {limit} bytes")
        return data

    def names(self, field: str) -> bool:
        """Tell whether the body is a JSON object that holds something under a name.

        Whatever is wrong with the body is for ``model`` to say.
        """
        try:
            found = json.loads(self.body(JSON_BYTES_MAX))
        except (ConsentryError, ValueError, RecursionError):
            return False
        return isinstance(found, dict) and bool(found.get(field))

    def model[M: BaseModel](self, kind: type[M], limit: int = JSON_BYTES_MAX) -> M:
        """Read the JSON body, of at most ``limit`` bytes, as ``kind``; ArgumentError otherwise."""
        if self.media_type() != JSON_MEDIA_TYPE:
            raise ArgumentError("the body is application/json")
        try:
            return kind.model_validate_json(self.body(limit))
        except ValidationError as error:
            fields = sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]})
            known = [field for field in fields if field in kind.model_fields]
            where = f": {', '.join(known)}" if known else ""
            raise ArgumentError(f"the JSON body is not as documented{where}") from None


def json_reply(
    document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Reply with a JSON document."""
    return func.HttpResponse(
        json.dumps(document, separators=(",", ":")),
        status_code=status,
        headers=dict(headers or {}),
        mimetype=JSON_MEDIA_TYPE,
    )


def error_reply(code: str, message: str) -> func.HttpResponse:
    """Reply with the one error shape."""
    return json_reply(
        {"error": {"code": code, "message": message}},
        status=STATUS.get(code, 500),
        headers={"x-ms-error-code": code},
    )


def reply_to(error: ConsentryError) -> func.HttpResponse:
    """Reply with an error of ours; its message is a sentence without anybody's data."""
    reply = error_reply(error.code, str(error))
    if isinstance(error, RateLimitedError):
        reply.headers["Retry-After"] = str(error.retry_after)
    return reply


def echo(value: str) -> str:
    """A caller's own request id, if it can stand in a header."""
    return value if _FIELD_SAFE.fullmatch(value) else ""
