"""Addresses as they are made in Azure: signed by a key that an identity was lent.

Azurite serves them only over TLS and to a token's bearer, so this one is started that way.
"""

import base64
import hmac
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from azure.core.credentials import AccessToken
from tests.contract.conftest import ROOT
from tests.support.certificate import write_certificate
from tests.support.polling import until

from consentry.azure.blobs import AzureBlobStore, blob_service
from consentry.azure.names import Container
from consentry.localhost.ports import answers, free_ports

MAIN = ROOT / "node_modules/azurite/dist/src/blob/main.js"
MINUTES = timedelta(minutes=5)


class Identity:
    """Bears a token of the form that Entra ID gives; Azurite reads it and trusts it."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        now = int(datetime.now(UTC).timestamp())
        somebody = str(uuid4())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": f"https://sts.windows.net/{somebody}/",
            "oid": somebody,
            "tid": somebody,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
        }
        parts = [json.dumps({"alg": "HS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()]
        message = b".".join(map(base64url, parts))
        signature = base64url(hmac.digest(b"any key", message, "sha256"))
        return AccessToken((message + b"." + signature).decode(), now + 3600)


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Ahead:
    """The real time, plus what a test adds."""

    added = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.added


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "azurite.pem"
    write_certificate(path)
    return path


@pytest.fixture(scope="module")
def endpoint(certificate: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    node = shutil.which("node")
    assert node is not None
    options = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    tls = ["--oauth", "basic", "--cert", str(certificate), "--key", str(certificate)]
    with subprocess.Popen(
        [node, str(MAIN), *options, *tls, "--blobPort", str(port)], stdout=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: answers(port))
            yield f"https://127.0.0.1:{port}/devstoreaccount1"
        finally:
            process.terminate()


@pytest.fixture
def clock() -> Ahead:
    return Ahead()


@pytest.fixture
def blobs(
    endpoint: str, certificate: Path, clock: Ahead, monkeypatch: pytest.MonkeyPatch
) -> AzureBlobStore:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    containers = blob_service(endpoint, Identity())
    if not containers.get_container_client(Container.INBOX).exists():
        containers.create_container(Container.INBOX)
    return AzureBlobStore(endpoint, Identity(), clock=clock)


@pytest.fixture
def client(certificate: Path) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=str(certificate))
    headers = {"x-ms-blob-type": "BlockBlob"}
    with httpx.Client(verify=trust, headers=headers) as client:
        yield client


def lent_key(address: str) -> tuple[str, ...]:
    query = parse_qs(urlsplit(address).query)
    return tuple(query[name][0] for name in ("skoid", "skt", "ske"))


def test_an_upload_address_writes_one_new_blob_once(
    blobs: AzureBlobStore, client: httpx.Client, place: str
) -> None:
    name = f"contoso/{place} \u00fc.jpg"
    address = blobs.upload_address(Container.INBOX, name, MINUTES)
    assert client.put(address, content=b"picture").status_code == 201
    assert client.put(address, content=b"x").status_code in (403, 409)
    assert client.get(address).status_code == 403
    blob = blobs.read(Container.INBOX, name, limit=100)
    assert blob is not None
    assert blob.data == b"picture"


def test_a_read_address_reads_one_blob_over_tls_alone(
    blobs: AzureBlobStore, client: httpx.Client, place: str
) -> None:
    blobs.write(Container.INBOX, place, b"there", content_type="image/jpeg")
    address = blobs.read_address(Container.INBOX, place, MINUTES)
    assert client.get(address).content == b"there"
    assert client.put(address, content=b"x").status_code == 403
    assert parse_qs(urlsplit(address).query)["spr"] == ["https"]


def test_the_lent_key_is_kept_and_renewed_before_it_ends(
    blobs: AzureBlobStore, clock: Ahead, place: str
) -> None:
    first = lent_key(blobs.read_address(Container.INBOX, place, MINUTES))
    clock.added = timedelta(hours=4, minutes=59)
    assert lent_key(blobs.read_address(Container.INBOX, place, MINUTES)) == first
    clock.added = timedelta(hours=5, minutes=1)
    assert lent_key(blobs.read_address(Container.INBOX, place, MINUTES)) != first
