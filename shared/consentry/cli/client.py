"""The service as its callers meet it over HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import httpx

from consentry.cli.transport import SECONDS_MAX, Interface, address_of, transport
from consentry.errors import FaceNotFoundError, NotFoundError, SettingsError, StorageError
from consentry.limits import FACE_ID_SECONDS_MAX

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
CALIBRATION_PATH: Final = "/calibration"
CASES_PATH: Final = "/access/applications"
CODE_HEADER: Final = "X-Consentry-Withdrawal-Code"
FACE_HEADER: Final = "X-Consentry-Face"
CONSENT_HEADER: Final = "X-Consentry-Consent"
CONSENTS_PATH: Final = "/consents"
RECORDS_PATH: Final = "/audit/records"
REDACTIONS_PATH: Final = "/redactions"

Documents = list[Mapping[str, Any]]


class Service(Interface):
    """What a caller does with a key: verification, calibration, uploads and jobs on videos."""

    def __init__(self, endpoint: str, key: str) -> None:
        super().__init__(endpoint, {KEY_HEADER: key})
        self._storage = httpx.Client(timeout=SECONDS_MAX)  # signed addresses; never sees the key

    def __exit__(self, *fault: object) -> None:
        super().__exit__(*fault)
        self._storage.close()

    def verify(self, probe: bytes, reference: bytes, consent: str) -> Mapping[str, Any]:
        """Compare whom two pictures are of: ``isIdentical``, ``confidence`` in [0, 1] and more.

        ``consent`` is the id of a receipt, or a pseudonym, as the approval asks for. Nothing of the
        pictures is kept.
        """
        files = {"probe": probe, "reference": reference}
        headers = {CONSENT_HEADER: consent}
        return self._document("POST", "/verifications", files=files, headers=headers)

    def face_id(self, picture: bytes, consent: str) -> str:
        """Have a template made of whom a picture is of, for a day; FaceNotFoundError if of nobody.

        ``consent`` is the id of a receipt, or a pseudonym, as the approval asks for.
        """
        faces = self._send(
            "POST",
            "/face/v1.2/detect",
            params={"returnFaceId": "true", "faceIdTimeToLive": FACE_ID_SECONDS_MAX},
            content=picture,
            headers={"Content-Type": "application/octet-stream", CONSENT_HEADER: consent},
        ).json()
        if not faces:
            raise FaceNotFoundError("no face was found in a picture")
        return str(next(face["faceId"] for face in faces if "faceId" in face))

    def calibrate(self, face_ids: Sequence[str]) -> Mapping[str, Any]:
        """Have the people of face ids compared with each other: rates with noise."""
        return self._document("POST", CALIBRATION_PATH, json={"faceIds": face_ids})

    def calibration(self) -> Mapping[str, Any] | None:
        """Give what the tenant's last calibration told, or None where there was none."""
        try:
            return self._document("GET", CALIBRATION_PATH)
        except NotFoundError:
            return None

    def upload(self, name: str, file: BinaryIO, consent: str = "") -> str:
        """Upload a file under a name; give the upload's id."""
        body = {"name": name, "consent": consent}
        address = self._document("POST", "/uploads", json=body)
        self.put(address, file)
        return str(address["id"])

    def put(self, address: Mapping[str, Any], file: BinaryIO) -> None:
        """Write a file to an address that the service gave for it, piece by piece."""
        with transport():
            reply = self._storage.put(
                address["uploadUrl"], content=file, headers=address["headers"]
            )
        _check(reply)

    def upload_status(self, upload_id: str) -> Mapping[str, Any]:
        """Tell what became of an upload: ``state``, and ``reason`` or ``result``."""
        return self._document("GET", f"/uploads/{upload_id}")

    def upload_result(self, upload_id: str, file: BinaryIO) -> None:
        """Fetch the result of an upload that is done into a file."""
        self._fetch(f"/uploads/{upload_id}/content", file)

    def start_job(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask for a video's job: its ``id``, and an ``upload`` address for a ``name`` to come."""
        return self._document("POST", REDACTIONS_PATH, json=wish)

    def job(self, job_id: str) -> Mapping[str, Any]:
        """Tell how far a job is: ``state``, ``percent``, and more as it is known."""
        return self._document("GET", _job_path(job_id))

    def cancel_job(self, job_id: str) -> None:
        """End a job, and have its input and all that was made of it deleted."""
        self._send("DELETE", _job_path(job_id))

    def job_result(self, job_id: str, file: BinaryIO) -> None:
        """Fetch the redacted video, or the preview, into a file."""
        self._fetch(f"{_job_path(job_id)}/content", file)

    def job_manifest(self, job_id: str) -> bytes:
        """Fetch the signed manifest of a job's result."""
        return self._send("GET", f"{_job_path(job_id)}/manifest").content

    def _fetch(self, path: str, file: BinaryIO) -> None:
        address = self._send("GET", path).headers["Location"]
        with transport(), self._storage.stream("GET", address) as reply:
            _check(reply)
            for piece in reply.iter_bytes():
                file.write(piece)


class Governance(Interface):
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


class Consents(Interface):
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
        return self._send("GET", f"{CONSENTS_PATH}/{consent}/receipt").content

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


class Log(Interface):
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
    address = address_of(endpoint)
    if not key:
        raise SettingsError("give --key, or set CONSENTRY_KEY; `consentry keys create` makes one")
    return Service(address, key)


def connect_as(endpoint: str, token: str) -> Governance:
    """Reach the service as a person with a token, like ``connect``."""
    address = address_of(endpoint)
    if not token:
        raise SettingsError(
            "give --token, or set CONSENTRY_TOKEN; locally `consentry dev token` makes one"
        )
    return Governance(address, token)


def connect_consents(endpoint: str, *, key: str = "", code: str = "") -> Consents:
    """Reach the service for consents, like ``connect``; a code takes no key."""
    address = address_of(endpoint)
    if code:
        return Consents(address, {CODE_HEADER: code})
    if not key:
        raise SettingsError("give --key, or set CONSENTRY_KEY; `consentry keys create` makes one")
    return Consents(address, {KEY_HEADER: key})


def connect_log(endpoint: str, *, key: str, token: str) -> Log:
    """Reach the log, like ``connect``: a token is for auditors, a key for a tenant's callers."""
    address = address_of(endpoint)
    if not key and not token:
        raise SettingsError(
            "give an auditor's --token, or a tenant's --key; or set either in the environment"
        )
    return Log(address, _bearer(token) if token else {KEY_HEADER: key})


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _check(reply: httpx.Response) -> None:
    """Raise StorageError unless the storage account did what was asked for."""
    if not reply.is_success:
        raise StorageError(f"the storage account answered {reply.status_code}")


def _job_path(job_id: str) -> str:
    return f"{REDACTIONS_PATH}/{quote(job_id, safe='')}"


def _keys_path(tenant: str) -> str:
    return f"/tenants/{quote(tenant, safe='')}/keys"
