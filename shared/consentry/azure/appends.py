"""The evidence containers: append blobs, and whole blobs that are written once."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from azure.core import MatchConditions
from azure.storage.blob import ContentSettings

from consentry.azure.blobs import blob_service, described
from consentry.azure.credentials import StorageCredential
from consentry.azure.foreign import our_errors
from consentry.azure.names import Container
from consentry.errors import ConflictError, NotFoundError
from consentry.stored import BlobProperties

KEPT_CLIENTS: Final = 8


class AzureAppendStore:
    """Home of the audit log or of decisions, through one client that is shared by threads."""

    def __init__(
        self, endpoint: str, credential: StorageCredential, container: Container = Container.AUDIT
    ) -> None:
        service = blob_service(endpoint, credential)
        self._container = service.get_container_client(container)
        # To make a client costs a tenth of an append; one segment takes very many.
        self._blob = lru_cache(maxsize=KEPT_CLIENTS)(self._container.get_blob_client)

    def create(self, name: str) -> None:
        """Make an empty append blob; ConflictError if it exists."""
        with our_errors():
            self._blob(name).create_append_blob(
                content_settings=ContentSettings(content_type="application/jsonl"),
                match_condition=MatchConditions.IfMissing,
            )

    def append(self, name: str, data: bytes, *, position: int) -> None:
        """Append at exactly ``position`` bytes; ConflictError if the blob ends elsewhere."""
        try:
            with our_errors():
                self._blob(name).append_block(data, appendpos_condition=position)
        except NotFoundError:
            raise ConflictError("the blob to append to has gone") from None

    def put(self, name: str, data: bytes) -> None:
        """Write a new blob as a whole (a part of a checkpoint); ConflictError if it exists."""
        with our_errors():
            self._blob(name).upload_blob(data)

    def size(self, name: str) -> int | None:
        """Length in bytes, or None where there is none."""
        try:
            with our_errors():
                return int(self._blob(name).get_blob_properties().size)
        except NotFoundError:
            return None

    def read(self, name: str, *, start: int = 0) -> bytes:
        """Content from ``start`` to the end; NotFoundError where there is none."""
        size = self.size(name)
        if size is None:
            raise NotFoundError("there is no such part of the log")
        if start >= size:
            return b""  # the service refuses to read nothing
        with our_errors():
            blob = self._blob(name)
            return blob.download_blob(offset=start, length=size - start).readall()

    def list(self, prefix: str = "") -> Iterator[BlobProperties]:
        """Blobs whose name starts with ``prefix``, in order of name."""
        with our_errors():
            for blob in self._container.list_blobs(name_starts_with=prefix):
                yield described(blob)
