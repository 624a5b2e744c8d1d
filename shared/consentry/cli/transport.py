"""HTTP to a service: where it is, one connection, and its errors turned back into ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from consentry.cli.places import running, runtime_folder
from consentry.errors import (
    ArgumentError,
    AuthenticationError,
    ConflictError,
    ConsentRequiredError,
    ConsentryError,
    FaceNotFoundError,
    InputError,
    LengthRequiredError,
    NotApprovedError,
    NotFoundError,
    PayloadTooLargeError,
    PictureError,
    PictureSizeError,
    RateLimitedError,
    RedactionError,
    RefusedError,
    SettingsError,
    StateError,
    StorageError,
    SubjectMismatchError,
)
from consentry.service.settings import is_loopback

SECONDS_MAX: Final = 230.0  # Azure ends every reply after that time

_KINDS: Final[Mapping[str, type[ConsentryError]]] = {
    kind.code: kind
    for kind in (
        ArgumentError,
        ConflictError,
        FaceNotFoundError,
        LengthRequiredError,
        NotFoundError,
        PayloadTooLargeError,
        PictureError,
        PictureSizeError,
        RedactionError,
        StateError,
    )
}
_REFUSED: Final[Mapping[str, type[RefusedError]]] = {
    kind.code: kind for kind in (ConsentRequiredError, RefusedError, SubjectMismatchError)
}
_REFUSALS: Final[Mapping[int, type[RefusedError]]] = {
    401: AuthenticationError,
    403: NotApprovedError,
}


class Interface:
    """One deployment, and whoever the headers say; used as a context manager, which closes it."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._api = httpx.Client(base_url=endpoint, headers=headers, timeout=SECONDS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with transport():
            reply = self._api.request(method, path, **options)
        if reply.is_error:
            raise _error(reply)
        return reply

    def _document(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        document: Mapping[str, Any] = self._send(method, path, **options).json()
        return document


def address_of(endpoint: str) -> str:
    """Give the address to call, or that of the local stack that runs now; else SettingsError."""
    if not endpoint:
        stack = running(runtime_folder())
        endpoint = str(stack["url"]) if stack else ""
    if not endpoint:
        raise SettingsError("give --endpoint, or start the local stack by `make dev`")
    if urlsplit(endpoint).scheme != "https" and not is_loopback(endpoint):
        raise SettingsError("the endpoint must be https: a key or token goes with every request")
    return endpoint


@contextmanager
def transport() -> Iterator[None]:
    """Turn what goes wrong on the way into our errors."""
    try:
        yield
    except httpx.HTTPError as error:
        raise StorageError(f"the service cannot be reached ({type(error).__name__})") from None
    except httpx.InvalidURL:
        raise SettingsError("the endpoint is not an address") from None


def _error(reply: httpx.Response) -> ConsentryError:
    """Turn the service's error shape back into the error that it was made of."""
    try:
        fault = reply.json()["error"]
        code, message = str(fault["code"]), str(fault["message"])
    except (ValueError, KeyError, TypeError):
        return StorageError(f"the service answered {reply.status_code} without an error document")
    if code == RateLimitedError.code:
        after = reply.headers.get("Retry-After", "")
        return RateLimitedError(message, retry_after=int(after) if after.isdecimal() else 60)
    if code in _REFUSED:
        return _REFUSED[code](message, reason=code)
    if reply.status_code in _REFUSALS:
        return _REFUSALS[reply.status_code](message, reason=code)
    kind = _KINDS.get(code, StorageError if reply.is_server_error else InputError)
    return kind(message)
