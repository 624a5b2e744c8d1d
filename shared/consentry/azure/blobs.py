"""Blob containers of an Azure storage account."""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final

from azure.core import MatchConditions
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContentSettings,
    LinearRetry,
)

from consentry.azure.addresses import AddressMaker
from consentry.azure.credentials import StorageCredential
from consentry.azure.foreign import (
    BACKOFF_SECONDS,
    RETRIES,
    EmptyRangeError,
    client_options,
    our_errors,
)
from consentry.azure.ranges import RANGE_BYTES, BlobFile
from consentry.errors import ConflictError, NotFoundError, PayloadTooLargeError, StorageError
from consentry.stored import Blob, BlobProperties

COPY_SECONDS_MAX: Final = 60
COPY_POLL_SECONDS: Final = 0.1
_ELSEWHERE: Final = frozenset({".", ".."})


def blob_service(endpoint: str, credential: StorageCredential) -> BlobServiceClient:
    """Make the client of a storage account's blob service."""
    retry = _BriefRetry(retry_total=RETRIES)
    return BlobServiceClient(
        endpoint, credential=credential, retry_policy=retry, **client_options()
    )


class _BriefRetry(LinearRetry):
    """Waits a moment between tries; the library's own 15 s would hold a failing call for long."""

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Give the seconds to wait, whatever happened before."""
        del settings
        return BACKOFF_SECONDS


class AzureBlobStore:
    """Blobs, through one client that is kept and shared by threads.

    ETags are kept without the quotes that HTTP puts around them, as events have them.
    """

    def __init__(
        self,
        endpoint: str,
        credential: StorageCredential,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service = blob_service(endpoint, credential)
        self._addresses = AddressMaker(self._service, credential, clock)

    def properties(self, container: str, name: str) -> BlobProperties | None:
        """Describe a blob, or None where there is none."""
        try:
            with our_errors():
                return described(self._blob(container, name).get_blob_properties())
        except NotFoundError:
            return None

    def read(
        self, container: str, name: str, *, limit: int, etag: str | None = None
    ) -> Blob | None:
        """Read a whole blob of at most ``limit`` bytes, or None where there is none.

        Raises PayloadTooLargeError before reading a larger one, and ConflictError when
        ``etag`` is given and the blob is another by now.
        """
        try:
            with our_errors():
                # One byte more than allowed is asked for, so the first answer tells the size.
                # Its stored bytes count: a Content-Encoding could unfold to any size.
                stream = self._blob(container, name).download_blob(
                    offset=0, length=limit + 1, decompress=False, **_if_still(etag)
                )
                if stream.size > limit:
                    raise PayloadTooLargeError("the blob is larger than its limit")
                data = stream.readall()
                return Blob(described(stream.properties, size=len(data)), data)
        except NotFoundError:
            return None
        except EmptyRangeError:
            return self._empty(container, name, etag)

    def open(self, container: str, name: str, *, etag: str) -> BinaryIO | None:
        """Open a blob of any size to be read by ranges, or None where there is none.

        Opening and reading raise ConflictError when the blob is no longer ``etag``.
        """
        found = self.properties(container, name)
        if found is None:
            return None
        if found.etag != etag:
            raise ConflictError("the blob was changed meanwhile")

        def fetch(start: int, size: int) -> bytes:
            with our_errors():
                stream = self._blob(container, name).download_blob(
                    offset=start, length=size, decompress=False, **_if_still(etag)
                )
                return bytes(stream.readall())

        return io.BufferedReader(BlobFile(found.size, fetch), RANGE_BYTES)

    def upload(self, container: str, name: str, file: BinaryIO, *, content_type: str) -> str:
        """Write a whole file of any size, from its start, and give the blob's ETag."""
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        with our_errors():
            answer = self._blob(container, name).upload_blob(
                file,
                length=size,
                overwrite=True,
                content_settings=ContentSettings(content_type=content_type),
            )
        return _unquoted(answer["etag"])

    def write(
        self,
        container: str,
        name: str,
        data: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        only_new: bool = False,
    ) -> str:
        """Write a whole blob and give its ETag; with ``only_new``, ConflictError if it exists."""
        with our_errors():
            answer = self._blob(container, name).upload_blob(
                data,
                overwrite=not only_new,
                content_settings=ContentSettings(content_type=content_type),
                metadata=dict(metadata or {}),
            )
        return _unquoted(answer["etag"])

    def move(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        *,
        etag: str,
        metadata: Mapping[str, str],
    ) -> None:
        """Copy inside the store, whatever the size, then delete the source.

        Raises ConflictError, and changes nothing, when the source is no longer ``etag``. If it
        is replaced in the moment between copy and deletion, the copy of the old content stays.
        """
        origin, copy = self._blob(*source), self._blob(*target)
        try:
            with our_errors():
                copy.start_copy_from_url(
                    origin.url,
                    metadata=dict(metadata),
                    source_etag=f'"{etag}"',
                    source_match_condition=MatchConditions.IfNotModified,
                )
        except NotFoundError:
            raise ConflictError("the blob to move has gone") from None
        _wait_for_copy(copy)
        self.delete(*source, etag=etag)

    def delete(self, container: str, name: str, *, etag: str | None = None) -> bool:
        """Delete a blob; False where there was none; ConflictError if it is not ``etag`` now.

        Its snapshots go too: whoever may create a blob may also make them, and a blob that has
        any cannot be deleted alone.
        """
        try:
            with our_errors():
                self._blob(container, name).delete_blob(
                    delete_snapshots="include", **_if_still(etag)
                )
        except NotFoundError:
            return False
        except ConflictError:  # so is a condition answered where there is nothing
            if self.properties(container, name) is None:
                return False
            raise
        return True

    def list(self, container: str, prefix: str) -> Iterator[BlobProperties]:
        """Blobs whose name starts with ``prefix``, in order of name."""
        with our_errors():
            found = self._service.get_container_client(container).list_blobs(
                name_starts_with=prefix, include=["metadata"]
            )
            for blob in found:
                yield described(blob)

    def upload_address(self, container: str, name: str, lifetime: timedelta) -> str:
        """Make an address to which one new blob can be written, once, and nothing be read."""
        return self._address(container, name, lifetime, BlobSasPermissions(create=True))

    def read_address(self, container: str, name: str, lifetime: timedelta) -> str:
        """Make an address from which one blob can be read."""
        return self._address(container, name, lifetime, BlobSasPermissions(read=True))

    def _empty(self, container: str, name: str, etag: str | None) -> Blob | None:
        """Give a blob of which the service says that it has no first byte."""
        found = self.properties(container, name)
        if found is None:
            return None
        if found.size or etag not in (None, found.etag):
            raise ConflictError("the blob was changed meanwhile")
        return Blob(found, b"")

    def _address(
        self, container: str, name: str, lifetime: timedelta, permission: BlobSasPermissions
    ) -> str:
        with our_errors():
            return self._addresses.make(self._blob(container, name), lifetime, permission)

    def _blob(self, container: str, name: str) -> BlobClient:
        """Raise StorageError for a name that an HTTP client would resolve to another blob."""
        if not _ELSEWHERE.isdisjoint(name.split("/")):
            raise StorageError("the name leads to another blob")
        return self._service.get_blob_client(container, name)


def _wait_for_copy(copy: BlobClient) -> None:
    """Return when the copy has ended well; within one account that is at once, as a rule."""
    deadline = time.monotonic() + COPY_SECONDS_MAX
    while time.monotonic() < deadline:
        with our_errors():
            status = copy.get_blob_properties().copy.status
        if status == "success":
            return
        if status != "pending":
            break
        time.sleep(COPY_POLL_SECONDS)
    raise StorageError("a copy inside the store did not end well")


def _if_still(etag: str | None) -> dict[str, Any]:
    if etag is None:
        return {}
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}


def described(properties: Any, *, size: int | None = None) -> BlobProperties:
    """Take over what the library tells of a blob; ``size`` if only part of it was asked for."""
    return BlobProperties(
        name=properties.name,
        etag=_unquoted(properties.etag),
        size=properties.size if size is None else size,
        modified=properties.last_modified,
        metadata=dict(properties.metadata or {}),
    )


def _unquoted(etag: str) -> str:
    return etag.strip('"')
