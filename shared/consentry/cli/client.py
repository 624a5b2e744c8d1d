"""The service as its callers meet it over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

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
    RedactionError,
    RefusedError,
    SettingsError,
    StateError,
    StorageError,
    SubjectMismatchError,
)
from consentry.service.settings import is_loopback

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
CASES_PATH: Final = "/access/applications"
CODE_HEADER: Final = "X-Consentry-Withdrawal-Code"
FACE_HEADER: Final = "X-Consentry-Face"
CONSENT_HEADER: Final = "X-Consentry-Consent"
CONSENTS_PATH: Final = "/consents"
RECORDS_PATH: Final = "/audit/records"
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


Documents = list[Mapping[str, Any]]


class Service:
    """One deployment and one key; used as a context manager, which closes the connections."""

    def __init__(self, endpoint: str, key: str) -> None:
        self._api = httpx.Client(base_url=endpoint, headers={KEY_HEADER: key}, timeout=SECONDS_MAX)
        self._storage = httpx.Client(timeout=SECONDS_MAX)  # signed addresses; never sees the key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()
        self._storage.close()

    def verify(self, probe: bytes, reference: bytes, consent: str) -> Mapping[str, Any]:
        """Compare whom two pictures are of: ``isIdentical``, ``confidence`` in [0, 1] and more.

        ``consent`` is the id of a receipt, or a pseudonym, as the approval asks for. Nothing of the
        pictures is kept.
        """
        files = {"probe": probe, "reference": reference}
        headers = {CONSENT_HEADER: consent}
        reply = self._send("POST", "/verifications", files=files, headers=headers)
        result: Mapping[str, Any] = reply.json()
        return result

    def upload(self, name: str, data: bytes, consent: str = "") -> str:
        """Upload a file under a name; give the upload's id."""
        body = {"name": name, "consent": consent}
        address = self._send("POST", "/uploads", json=body).json()
        with _transport():
            reply = self._storage.put(
                address["uploadUrl"], content=data, headers=address["headers"]
            )
        if not reply.is_success:
            raise StorageError(f"the storage account answered {reply.status_code}")
        return str(address["id"])

    def upload_status(self, upload_id: str) -> Mapping[str, Any]:
        """Tell what became of an upload: ``state``, and ``reason`` or ``result``."""
        status: Mapping[str, Any] = self._send("GET", f"/uploads/{upload_id}").json()
        return status

    def upload_result(self, upload_id: str) -> bytes:
        """Fetch the result of an upload that is done."""
        address = self._send("GET", f"/uploads/{upload_id}/content").headers["Location"]
        with _transport():
            reply = self._storage.get(address)
        if not reply.is_success:
            raise StorageError(f"the storage account answered {reply.status_code}")
        return reply.content

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return _ask(self._api, method, path, **options)


class _Interface:
    """One deployment, and whoever the headers say; used as a context manager, like ``Service``."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._api = httpx.Client(base_url=endpoint, headers=headers, timeout=SECONDS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def _document(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        document: Mapping[str, Any] = _ask(self._api, method, path, **options).json()
        return document


class Governance(_Interface):
    """What a person does by a token: applications, decisions on them, and keys of callers."""

    def __init__(self, endpoint: str, token: str) -> None:
        super().__init__(endpoint, _bearer(token))

    def apply(self, application: Mapping[str, Any]) -> Mapping[str, Any]:
        """Begin an application; gives it as a draft."""
        return self._document("POST", CASES_PATH, json=application)

    def edit(self, case_id: str, application: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put other words into a draft."""
        return self._document("PUT", f"{CASES_PATH}/{case_id}", json=application)

    def decisions(self, case_id: str) -> tuple[str, ...]:
        """Give the signed decisions on an application."""
        return tuple(self._document("GET", f"{CASES_PATH}/{case_id}/decisions")["decisions"])

    def list(self) -> list[Mapping[str, Any]]:
        """Give the applications that this person may see."""
        found: list[Mapping[str, Any]] = self._document("GET", CASES_PATH)["applications"]
        return found

    def read(self, case_id: str) -> Mapping[str, Any]:
        """Give one application."""
        return self._document("GET", f"{CASES_PATH}/{case_id}")

    def decide(self, case_id: str, decision: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give a reviewer's word."""
        return self._document("POST", f"{CASES_PATH}/{case_id}/decisions", json=decision)

    def change(self, case_id: str, word: str) -> Mapping[str, Any]:
        """Take a step: submit, suspend, resume, revoke or appeal."""
        return self._document("POST", f"{CASES_PATH}/{case_id}/{word}", content=b"")

    def create_key(self, tenant: str) -> Mapping[str, Any]:
        """Make a key for a tenant; its text is given this once."""
        return self._document("POST", _keys_path(tenant), content=b"")

    def keys(self, tenant: str) -> Documents:
        """Give a tenant's keys by their ids."""
        found: Documents = self._document("GET", _keys_path(tenant))["keys"]
        return found

    def revoke_key(self, tenant: str, key_id: str) -> Mapping[str, Any]:
        """End a key's life."""
        path = f"{_keys_path(tenant)}/{quote(key_id, safe='')}/revoke"
        return self._document("POST", path, content=b"")


class Consents(_Interface):
    """What a tenant does by its key, and a person by their withdrawal code."""

    def give(self, statement: Mapping[str, Any]) -> Mapping[str, Any]:
        """Register a consent; gives it with its receipt and withdrawal code."""
        return self._document("POST", CONSENTS_PATH, json=statement)

    def list(self, subject: str = "") -> list[Mapping[str, Any]]:
        """Give all of the tenant's consents, or those of one subject."""
        found: list[Mapping[str, Any]] = []
        more = True
        while more:
            after = {"after": str(found[-1]["id"])} if found else {}
            page = self._document("GET", CONSENTS_PATH, params={"subject": subject, **after})
            found += page["consents"]
            more = bool(page["consents"])
        return found

    def receipt(self, consent: str) -> bytes:
        """Give the signed receipt of a consent."""
        return _ask(self._api, "GET", f"{CONSENTS_PATH}/{consent}/receipt").content

    def outputs(self, consent: str) -> Documents:
        """Give the outputs in which the receipt kept a face visible."""
        found: Documents = self._document("GET", f"{CONSENTS_PATH}/{consent}/outputs")["outputs"]
        return found

    def redact_again(self, consent: str, output: str) -> Mapping[str, Any]:
        """Have every face of a stored output masked."""
        path = f"{CONSENTS_PATH}/{consent}/outputs/{output}/redact"
        return self._document("POST", path, content=b"")

    def enrol(self, consent: str, picture: bytes, face: str) -> Mapping[str, Any]:
        """Keep a template of the person as the receipt's reference."""
        headers = {"Content-Type": "application/octet-stream", FACE_HEADER: face}
        path = f"{CONSENTS_PATH}/{consent}/reference"
        return self._document("PUT", path, content=picture, headers=headers)

    def withdraw(self, consent: str) -> Mapping[str, Any]:
        """End a consent."""
        return self._document("POST", f"{CONSENTS_PATH}/{consent}/withdraw", content=b"")


class Log(_Interface):
    """What a tenant reads of the log by its key, and an auditor by their token."""

    def records(self, **asked: str) -> Iterator[Mapping[str, Any]]:
        """Give the records asked for, by ``tenant`` and the days ``from`` and ``to``."""
        after = ""
        while True:
            page = self._document("GET", RECORDS_PATH, params={**asked, "after": after})
            yield from page["records"]
            after = page["next"]
            if not after:
                return


def connect(endpoint: str, key: str) -> Service:
    """Reach the service at ``endpoint``, or else the local stack that runs now.

    Raises SettingsError where the address or the key is missing, or would carry the key openly.
    """
    address = _address(endpoint)
    if not key:
        raise SettingsError("give --key, or set CONSENTRY_KEY; `consentry keys create` makes one")
    return Service(address, key)


def connect_as(endpoint: str, token: str) -> Governance:
    """Reach the service as a person with a token, like ``connect``."""
    address = _address(endpoint)
    if not token:
        raise SettingsError(
            "give --token, or set CONSENTRY_TOKEN; locally `consentry dev token` makes one"
        )
    return Governance(address, token)


def connect_consents(endpoint: str, *, key: str = "", code: str = "") -> Consents:
    """Reach the service for consents, like ``connect``; a code takes no key."""
    address = _address(endpoint)
    if code:
        return Consents(address, {CODE_HEADER: code})
    if not key:
        raise SettingsError("give --key, or set CONSENTRY_KEY; `consentry keys create` makes one")
    return Consents(address, {KEY_HEADER: key})


def connect_log(endpoint: str, *, key: str, token: str) -> Log:
    """Reach the log, like ``connect``: a token is for auditors, a key for a tenant's callers."""
    address = _address(endpoint)
    if not key and not token:
        raise SettingsError(
            "give an auditor's --token, or a tenant's --key; or set either in the environment"
        )
    return Log(address, _bearer(token) if token else {KEY_HEADER: key})


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _keys_path(tenant: str) -> str:
    return f"/tenants/{quote(tenant, safe='')}/keys"


def _address(endpoint: str) -> str:
    if not endpoint:
        stack = running(runtime_folder())
        endpoint = str(stack["url"]) if stack else ""
    if not endpoint:
        raise SettingsError("give --endpoint, or start the local stack by `make dev`")
    if urlsplit(endpoint).scheme != "https" and not is_loopback(endpoint):
        raise SettingsError("the endpoint must be https: a key or token goes with every request")
    return endpoint


def _ask(api: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    with _transport():
        reply = api.request(method, path, **options)
    if reply.is_error:
        raise _error(reply)
    return reply


@contextmanager
def _transport() -> Iterator[None]:
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
    if code in _REFUSED:
        return _REFUSED[code](message, reason=code)
    if reply.status_code in _REFUSALS:
        return _REFUSALS[reply.status_code](message, reason=code)
    kind = _KINDS.get(code, StorageError if reply.is_server_error else InputError)
    return kind(message)
