"""What the adapters make of Azure's errors, of a dead service and of their libraries' logs."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from azure.core import exceptions as foreign
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableTransactionError
from tests.contract.conftest import CREDENTIAL

from consentry.azure.appends import AzureAppendStore
from consentry.azure.blobs import AzureBlobStore
from consentry.azure.foreign import our_errors
from consentry.azure.names import Container
from consentry.azure.tables import AzureTable
from consentry.errors import ConflictError, NotFoundError, StorageError
from consentry.localhost.azurite import Azurite

SECRET_NAME = "alice-example.jpg"
MINUTES = timedelta(minutes=5)


class Answer:
    """As much of an HTTP answer as the library's errors look at."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.reason = "reason"
        self.headers: dict[str, str] = {}

    def text(self) -> str:
        return SECRET_NAME


def http(kind: type[foreign.HttpResponseError], status: int, code: str = "") -> Exception:
    error = kind(message=SECRET_NAME, response=Answer(status))  # type: ignore[arg-type]
    error.error_code = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (http(foreign.ResourceNotFoundError, 404, "BlobNotFound"), NotFoundError),
        (http(foreign.ResourceNotFoundError, 404, "ContainerNotFound"), StorageError),
        (http(foreign.ResourceNotFoundError, 404, "TableNotFound"), StorageError),
        (http(foreign.ResourceExistsError, 409, "BlobAlreadyExists"), ConflictError),
        (http(foreign.ResourceExistsError, 409, "ContainerBeingDeleted"), StorageError),
        (http(foreign.ResourceModifiedError, 412, "ConditionNotMet"), ConflictError),
        (http(foreign.HttpResponseError, 409, "LeaseIdMissing"), ConflictError),
        (http(foreign.HttpResponseError, 412, "AppendPositionConditionNotMet"), ConflictError),
        (http(TableTransactionError, 409, "EntityAlreadyExists"), ConflictError),
        (http(foreign.ClientAuthenticationError, 403, "AuthorizationFailure"), StorageError),
        (http(foreign.HttpResponseError, 500, "InternalError"), StorageError),
        (http(foreign.HttpResponseError, 503, SECRET_NAME), StorageError),
        (foreign.ServiceRequestError(SECRET_NAME), StorageError),
        (foreign.ServiceResponseError(SECRET_NAME), StorageError),
        (foreign.ServiceRequestTimeoutError(SECRET_NAME), StorageError),
        (foreign.IncompleteReadError(SECRET_NAME), StorageError),
        (foreign.ClientAuthenticationError(SECRET_NAME), StorageError),
        (foreign.AzureError(SECRET_NAME), StorageError),
        (ConnectionResetError(SECRET_NAME), StorageError),
        (TimeoutError(SECRET_NAME), StorageError),
    ],
    ids=lambda value: getattr(value, "error_code", None) or type(value).__name__,
)
def test_a_foreign_error_becomes_one_of_ours_without_its_text(
    error: Exception, ours: type[Exception]
) -> None:
    with pytest.raises(ours) as caught, our_errors():
        raise error
    assert type(caught.value) is ours
    assert SECRET_NAME not in str(caught.value)
    assert caught.value.__suppress_context__


def test_our_own_errors_and_bugs_pass_unchanged() -> None:
    for error in (ConflictError("ours"), ZeroDivisionError("a bug")):
        with pytest.raises(type(error)) as caught, our_errors():
            raise error
        assert caught.value is error


@pytest.fixture
def dead_endpoint() -> Iterator[str]:
    """An address at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/devstoreaccount1"


def everything(endpoint: str) -> list[Callable[[], object]]:
    blobs = AzureBlobStore(endpoint, CREDENTIAL)
    appends = AzureAppendStore(endpoint, CREDENTIAL)
    table = AzureTable(endpoint, CREDENTIAL, "access")
    name = SECRET_NAME
    return [
        lambda: blobs.properties("nowhere", name),
        lambda: blobs.read("nowhere", name, limit=10),
        lambda: blobs.write("nowhere", name, b"x", content_type="image/jpeg"),
        lambda: blobs.move(("nowhere", name), ("inbox", name), etag="0x1", metadata={}),
        lambda: blobs.delete("nowhere", name),
        lambda: list(blobs.list("nowhere", name)),
        lambda: appends.create(name),
        lambda: appends.append(name, b"x", position=0),
        lambda: appends.put(name, b"x"),
        lambda: appends.size(name),
        lambda: appends.read(name),
        lambda: list(appends.list(name)),
        lambda: table.get("contoso", name),
        lambda: table.insert("contoso", name, {}),
        lambda: table.replace("contoso", name, {}, etag='W/"x"'),
        lambda: table.put("contoso", name, {}),
        lambda: table.put_together("contoso", {name: {}}),
        lambda: table.delete("contoso", name),
        lambda: list(table.query("contoso")),
    ]


@pytest.mark.slow
def test_a_dead_service_is_given_up_within_seconds(dead_endpoint: str) -> None:
    for operation in everything(dead_endpoint):
        begun = time.monotonic()
        with pytest.raises(StorageError) as caught:
            operation()
        assert time.monotonic() - begun < 5
        assert type(caught.value) is StorageError


def test_a_missing_container_is_not_taken_for_a_missing_blob(azurite: Azurite) -> None:
    for operation in everything(azurite.blob_endpoint)[:6]:
        with pytest.raises(StorageError) as caught:
            operation()
        assert type(caught.value) is StorageError


def test_a_missing_table_is_not_taken_for_a_missing_row(azurite: Azurite) -> None:
    table = AzureTable(azurite.table_endpoint, CREDENTIAL, "nowhere")
    with pytest.raises(StorageError) as caught:
        table.get("contoso", "row")
    assert type(caught.value) is StorageError


def test_a_wrong_key_is_a_storage_error(azurite: Azurite) -> None:
    wrong = AzureNamedKeyCredential("devstoreaccount1", "AAAA")
    blobs = AzureBlobStore(azurite.blob_endpoint, wrong)
    with pytest.raises(StorageError, match="403"):
        blobs.properties(Container.INBOX, SECRET_NAME)


def test_nothing_that_the_libraries_log_gets_out(
    azurite: Azurite, dead_endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for endpoint in (azurite.blob_endpoint, dead_endpoint):
        for operation in everything(endpoint)[:3]:
            with pytest.raises(StorageError):
                operation()
    blobs = AzureBlobStore(azurite.blob_endpoint, CREDENTIAL)
    blobs.write(Container.INBOX, SECRET_NAME, b"x", content_type="image/jpeg")
    assert SECRET_NAME not in caplog.text
    assert "devstoreaccount1" not in caplog.text


def put(address: str, content: bytes = b"picture") -> int:
    """Write a blob as a browser would, and give the status."""
    headers = {"x-ms-blob-type": "BlockBlob"}
    return httpx.put(address, headers=headers, content=content).status_code


class TestAddresses:
    @pytest.fixture
    def blobs(self, azurite: Azurite) -> AzureBlobStore:
        return AzureBlobStore(azurite.blob_endpoint, CREDENTIAL)

    def test_an_upload_address_writes_one_new_blob_once(
        self, blobs: AzureBlobStore, place: str
    ) -> None:
        name = f"contoso/{place} ü.jpg"
        address = blobs.upload_address(Container.INBOX, name, MINUTES)
        assert put(address) == 201
        assert put(address, b"x") in (403, 409)
        blob = blobs.read(Container.INBOX, name, limit=100)
        assert blob is not None
        assert blob.data == b"picture"

    def test_an_upload_address_does_not_overwrite_read_list_or_delete(
        self, blobs: AzureBlobStore, place: str
    ) -> None:
        blobs.write(Container.INBOX, place, b"there", content_type="image/jpeg")
        address = blobs.upload_address(Container.INBOX, place, MINUTES)
        query = address.partition("?")[2]
        container = address.partition("?")[0].removesuffix(f"/{place}")
        assert put(address) in (403, 409)
        assert httpx.get(address).status_code == 403
        assert httpx.delete(address).status_code == 403
        assert put(f"{container}/other{place}?{query}") == 403
        listing = httpx.get(f"{container}?restype=container&comp=list&{query}")
        assert listing.status_code == 403
        blob = blobs.read(Container.INBOX, place, limit=100)
        assert blob is not None
        assert blob.data == b"there"
        assert blobs.properties(Container.INBOX, f"other{place}") is None

    def test_a_read_address_reads_one_blob_and_writes_nothing(
        self, blobs: AzureBlobStore, place: str
    ) -> None:
        blobs.write(Container.REDACTED, place, b"there", content_type="image/jpeg")
        address = blobs.read_address(Container.REDACTED, place, MINUTES)
        assert httpx.get(address).content == b"there"
        assert put(address) == 403
        assert httpx.delete(address).status_code == 403
        assert httpx.get(address).content == b"there"

    def test_an_address_ends(self, azurite: Azurite, place: str) -> None:
        blobs = AzureBlobStore(
            azurite.blob_endpoint, CREDENTIAL, clock=lambda: datetime.now(UTC) - 2 * MINUTES
        )
        blobs.write(Container.REDACTED, place, b"there", content_type="image/jpeg")
        address = blobs.read_address(Container.REDACTED, place, MINUTES)
        assert httpx.get(address).status_code == 403
