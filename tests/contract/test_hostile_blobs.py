"""What somebody with an upload address can make of a blob, on a real Azurite."""

import gzip
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from tests.contract.conftest import CREDENTIAL

from consentry.azure.blobs import AzureBlobStore
from consentry.azure.names import Container
from consentry.localhost.azurite import Azurite

INBOX, QUARANTINE = Container.INBOX, Container.QUARANTINE
PUT = {"x-ms-blob-type": "BlockBlob"}
CREATED = 201


@pytest.fixture
def store(azurite: Azurite) -> AzureBlobStore:
    return AzureBlobStore(azurite.blob_endpoint, CREDENTIAL)


@pytest.fixture
def address(store: AzureBlobStore, place: str) -> Iterator[str]:
    yield store.upload_address(INBOX, place, timedelta(minutes=5))
    assert store.properties(INBOX, place) is None


def test_a_blob_that_calls_itself_compressed_is_read_as_it_is_stored(
    store: AzureBlobStore, place: str, address: str
) -> None:
    packed = gzip.compress(bytes(10**6))
    coded = PUT | {"x-ms-blob-content-encoding": "gzip"}
    assert httpx.put(address, content=packed, headers=coded).status_code == CREATED
    blob = store.read(INBOX, place, limit=len(packed))
    assert blob is not None
    assert blob.data == packed
    assert blob.properties.size == len(packed)
    store.delete(INBOX, place)


def test_a_blob_with_a_snapshot_is_deleted_with_it(
    store: AzureBlobStore, place: str, address: str
) -> None:
    assert httpx.put(address, content=b"photo", headers=PUT).status_code == CREATED
    assert httpx.put(f"{address}&comp=snapshot").status_code == CREATED
    found = store.properties(INBOX, place)
    assert found is not None
    assert store.delete(INBOX, place, etag=found.etag) is True


def test_a_blob_with_a_snapshot_is_moved(store: AzureBlobStore, place: str, address: str) -> None:
    assert httpx.put(address, content=b"photo", headers=PUT).status_code == CREATED
    assert httpx.put(f"{address}&comp=snapshot").status_code == CREATED
    found = store.properties(INBOX, place)
    assert found is not None
    store.move((INBOX, place), (QUARANTINE, place), etag=found.etag, metadata={})
    moved = store.read(QUARANTINE, place, limit=10)
    assert moved is not None
    assert moved.data == b"photo"
