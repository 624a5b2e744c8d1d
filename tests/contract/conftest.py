"""Every port twice: the twin in memory, and the adapter on a real Azurite or real key files."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.memory import (
    MemoryAppends,
    MemoryBlobs,
    MemorySigningKey,
    MemoryTable,
    MemoryWrappingKey,
)

from consentry.azure.appends import AzureAppendStore
from consentry.azure.blobs import AzureBlobStore
from consentry.azure.credentials import storage_credential
from consentry.azure.keyfiles import signing_key, wrapping_key
from consentry.azure.names import TableName
from consentry.azure.tables import AzureTable
from consentry.localhost.azurite import Azurite
from consentry.localhost.provision import provision
from consentry.service.ports import AppendStore, BlobStore, SigningKey, Table, WrappingKey

ROOT = Path(__file__).resolve().parents[2]
CREDENTIAL = storage_credential(emulated=True, client_id="")


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with Azurite(ROOT) as running:
        provision(running.connection_string)
        yield running


@pytest.fixture(params=["memory", "azure"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def blobs(kind: str, request: pytest.FixtureRequest) -> BlobStore:
    if kind == "memory":
        return MemoryBlobs()
    return AzureBlobStore(request.getfixturevalue("azurite").blob_endpoint, CREDENTIAL)


@pytest.fixture
def appends(kind: str, request: pytest.FixtureRequest) -> AppendStore:
    if kind == "memory":
        return MemoryAppends()
    return AzureAppendStore(request.getfixturevalue("azurite").blob_endpoint, CREDENTIAL)


@pytest.fixture
def table(kind: str, request: pytest.FixtureRequest) -> Table:
    if kind == "memory":
        return MemoryTable()
    endpoint = request.getfixturevalue("azurite").table_endpoint
    return AzureTable(endpoint, CREDENTIAL, TableName.UPLOADS)


@pytest.fixture
def signing(kind: str, tmp_path: Path) -> SigningKey:
    return MemorySigningKey() if kind == "memory" else signing_key(tmp_path / "keys")


@pytest.fixture
def wrapping(kind: str, tmp_path: Path) -> WrappingKey:
    return MemoryWrappingKey() if kind == "memory" else wrapping_key(tmp_path / "keys")


@pytest.fixture
def place() -> str:
    """A prefix or partition that no other test uses."""
    return uuid4().hex
