"""Hostile requests over HTTP: the documented error, one audit record, nothing written."""

import json
import socket
from collections.abc import Iterator
from io import BytesIO
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from tests.support import pictures
from tests.support.deployment import APPROVED, Deployment
from tests.support.layer import sample

from consentry.azure.names import Container, TableName
from consentry.limits import DETECT_BYTES_MAX, PICTURE_BYTES_MAX

OCTETS = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}
UNKNOWN_ID = "9d1f7c1e-6f0a-4c7e-9a51-1f6f3c0e2b7d"


@pytest.fixture(scope="module")
def http(running: Deployment) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


def _footprint(running: Deployment) -> set[str]:
    """Everything of the tenant that a call could have left behind."""
    blobs = {
        f"{container}/{name}"
        for container in (Container.INBOX, Container.REDACTED, Container.MANIFESTS)
        for name in running.names(container, f"{APPROVED}/")
    }
    rows = {
        f"{table}/{entity.row}"
        for table in (TableName.TEMPLATES, TableName.UPLOADS)
        for entity in running.services.parts.table(table).query(APPROVED)
    }
    return blobs | rows


def _assert_refused(reply: httpx.Response, records: list[dict[str, str]], code: str) -> None:
    assert reply.json()["error"]["code"] == code
    assert reply.headers["x-ms-error-code"] == code
    assert [record["outcome"] for record in records] == [code]
    assert "Traceback" not in reply.text


def _jpeg(width: int, height: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), "grey").save(buffer, "JPEG")
    return buffer.getvalue()


BAD_PICTURES = {
    "empty": (b"", "InvalidImageSize"),
    "one byte": (b"\xff", "InvalidImageSize"),
    "text": (b"no picture at all, but long enough " * 40, "InvalidImage"),
    "NUL bytes": (bytes(5000), "InvalidImage"),
    "truncated": (sample("person_a_2.jpg")[:60_000], "InvalidImage"),
    "decompression bomb": (pictures.png_bomb(30_000), "InvalidImageSize"),
    "0 pixels": (pictures.png_that_claims(0, 0) + bytes(2000), "InvalidImage"),
    "30,000 x 1": (_jpeg(30_000, 1), "InvalidImageSize"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
@pytest.mark.parametrize("path", ["/face/v1.2/detect", "/redactions"])
def test_bad_picture_is_refused(
    running: Deployment, http: httpx.Client, path: str, name: str
) -> None:
    data, code = BAD_PICTURES[name]
    before = _footprint(running)
    with running.new_records() as records:
        reply = http.post(path, content=data, headers=OCTETS)
    _assert_refused(reply, records, code)
    assert reply.status_code == 400
    assert _footprint(running) == before


BAD_REQUESTS = {
    "picture too large to detect": (
        "/face/v1.2/detect", OCTETS, bytes(DETECT_BYTES_MAX + 1), 413, "RequestTooLarge",
    ),
    "picture too large to redact": (
        "/redactions", OCTETS, bytes(PICTURE_BYTES_MAX + 1), 413, "RequestTooLarge",
    ),
    "wrong content type": (
        "/face/v1.2/detect", {"Content-Type": "text/plain"}, sample("person_a_1.jpg"), 400,
        "BadArgument",
    ),
    "JSON of depth 10,000": (
        "/face/v1.2/verify", JSON, b"[" * 10_000 + b"]" * 10_000, 400, "BadArgument",
    ),
    "JSON that is none": ("/face/v1.2/verify", JSON, b"{", 400, "BadArgument"),
    "JSON of another shape": ("/face/v1.2/verify", JSON, b'{"faceId1": 1}', 400, "BadArgument"),
    "invalid UTF-8": ("/face/v1.2/verify", JSON, b'{"faceId1": "\xff"}', 400, "BadArgument"),
    "JSON too large": ("/face/v1.2/verify", JSON, b" " * 70_000, 413, "RequestTooLarge"),
    "unknown face ids": (
        "/face/v1.2/verify", JSON,
        json.dumps({"faceId1": str(uuid4()), "faceId2": str(uuid4())}).encode(), 404,
        "FaceNotFound",
    ),
    "address of a picture, none allowed": (
        "/face/v1.2/detect", JSON, b'{"url": "https://169.254.169.254/latest"}', 400, "InvalidURL",
    ),
    "unknown mask kind": ("/redactions?kind=none", OCTETS, b"x" * 2000, 400, "BadArgument"),
    "unknown shape": ("/redactions?shape=star", OCTETS, b"x" * 2000, 400, "BadArgument"),
    "face id for a second": (
        "/face/v1.2/detect?faceIdTimeToLive=1", OCTETS, sample("person_a_1.jpg"), 400,
        "BadArgument",
    ),
    "face id for ever": (
        "/face/v1.2/detect?faceIdTimeToLive=9" + "9" * 40, OCTETS, sample("person_a_1.jpg"), 400,
        "BadArgument",
    ),
    "unknown model": (
        "/face/v1.2/detect?recognitionModel=mine", OCTETS, sample("person_a_1.jpg"), 400,
        "BadArgument",
    ),
    "landmarks": (
        "/face/v1.2/detect?returnFaceLandmarks=true", OCTETS, sample("person_a_1.jpg"), 403,
        "UnsupportedFeature",
    ),
    "claim that is no box": (
        "/face/v1.2/detect", OCTETS | {"X-Consentry-Face": "1,2,3"}, sample("person_a_1.jpg"), 400,
        "BadArgument",
    ),
    "claim of 10,000 characters": (
        "/face/v1.2/detect", OCTETS | {"X-Consentry-Face": "1" * 10_000}, sample("person_a_1.jpg"),
        400, "BadArgument",
    ),
    "parent folder": ("/uploads", JSON, b'{"name": "../fabrikam/a.jpg"}', 400, "BadArgument"),
    "name of 1,024 characters": (
        "/uploads", JSON, json.dumps({"name": "n" * 1024}).encode(), 400, "BadArgument",
    ),
    "NUL in a name": ("/uploads", JSON, b'{"name": "a\\u0000.jpg"}', 400, "BadArgument"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_request_is_refused(running: Deployment, http: httpx.Client, name: str) -> None:
    path, headers, data, status, code = BAD_REQUESTS[name]
    before = _footprint(running)
    with running.new_records() as records:
        reply = http.post(path, content=data, headers=headers)
    _assert_refused(reply, records, code)
    assert reply.status_code == status
    assert _footprint(running) == before


@pytest.mark.parametrize(
    "path",
    [
        "/redactions/not-a-uuid/manifest",
        f"/redactions/{UNKNOWN_ID}/manifest",
        "/uploads/..%2f..%2fetc",
        "/uploads/" + "0" * 32,
        "/uploads/" + "0" * 32 + "/content",
        "/uploads/" + "0" * 32 + "/manifest",
    ],
)
def test_what_does_not_exist_is_not_found(
    running: Deployment, http: httpx.Client, path: str
) -> None:
    with running.new_records() as records:
        reply = http.get(path)
    _assert_refused(reply, records, "NotFound")
    assert reply.status_code == 404


def test_chunked_body_is_asked_for_its_length(running: Deployment) -> None:
    address = urlsplit(running.stack.url)
    request = (
        f"POST /redactions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Ocp-Apim-Subscription-Key: {running.keys[APPROVED]}\r\n"
        "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    with (
        running.new_records() as records,
        socket.create_connection((address.hostname, address.port), timeout=20) as connection,
    ):
        connection.sendall(request.encode())
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert reply.startswith(b"HTTP/1.1 411")
    assert b"LengthRequired" in reply
    assert [record["outcome"] for record in records] == ["LengthRequired"]


@pytest.mark.parametrize(
    "key",
    ["", "x", "a" * 10_000, "contoso.000000000000." + "A" * 43, "contoso..", "../../x", "%00"],
)
def test_unknown_key_is_refused_and_recorded(running: Deployment, key: str) -> None:
    with running.new_records() as records:
        reply = httpx.post(
            f"{running.stack.url}/redactions",
            content=sample("person_a_1.jpg"),
            headers={**OCTETS, "Ocp-Apim-Subscription-Key": key},
        )
    _assert_refused(reply, records, "401")
    assert reply.status_code == 401
    assert [record["allowed"] for record in records] == [False]
