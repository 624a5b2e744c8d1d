"""What somebody with an upload address can make of a blob, on a real Azurite."""

import gzip
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from tests.contract.conftest import CREDENTIAL

from consentry.azure.blobs import AzureBlobStore
from consentry.azure.names import Container
from consentry.errors import StorageError
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


@pytest.mark.parametrize("way", ["x/../", "./", "x/y/../../"])
def test_a_name_that_leads_to_another_blob_reaches_nothing(
    store: AzureBlobStore, place: str, way: str
) -> None:
    etag = store.write(INBOX, place, b"theirs", content_type="image/jpeg")
    with pytest.raises(StorageError):
        store.properties(INBOX, way + place)
    with pytest.raises(StorageError):
        store.move((INBOX, way + place), (QUARANTINE, place), etag=etag, metadata={})
    assert store.properties(QUARANTINE, place) is None
    assert store.delete(INBOX, place, etag=etag) is True
