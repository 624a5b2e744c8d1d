"""What the use cases need of the outside: stores, keys and a clock.

Each protocol has an Azure adapter (``consentry.azure``) and an in-memory twin in the tests;
both pass the same contract tests. Adapters raise only ``StorageError`` and its kinds.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from consentry.stored import Blob, BlobProperties, Entity, PublicKey, Row

__all__ = [
    "AppendStore",
    "Blob",
    "BlobProperties",
    "BlobStore",
    "Clock",
    "Entity",
    "PublicKey",
    "Queue",
    "Row",
    "SigningKey",
    "Table",
    "WrappingKey",
]

Clock = Callable[[], datetime]
"""Gives the time now, aware and in UTC; taken once per operation."""


class BlobStore(Protocol):
    """Containers of blobs; a container is one of the names in ``consentry.azure.names``."""

    def properties(self, container: str, name: str) -> BlobProperties | None:
        """Describe a blob, or None where there is none."""

    def read(
        self, container: str, name: str, *, limit: int, etag: str | None = None
    ) -> Blob | None:
        """Read a whole blob of at most ``limit`` bytes, or None where there is none.

        Raises PayloadTooLargeError before reading a larger one, and ConflictError when
        ``etag`` is given and the blob is another by now.
        """

    def open(self, container: str, name: str, *, etag: str) -> BinaryIO | None:
        """Open a blob of any size to be read by ranges, or None where there is none.

        Opening and reading raise ConflictError when the blob is no longer ``etag``.
        """

    def upload(self, container: str, name: str, file: BinaryIO, *, content_type: str) -> str:
        """Write a whole file of any size, from its start, and give the blob's ETag."""

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

    def move(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        *,
        etag: str,
        metadata: Mapping[str, str],
    ) -> None:
        """Copy inside the store, whatever the size, then delete the source.

        Raises ConflictError, and changes nothing, when the source is no longer ``etag``.
        """

    def delete(self, container: str, name: str, *, etag: str | None = None) -> bool:
        """Delete a blob; False where there was none; ConflictError if it is not ``etag`` now."""

    def list(self, container: str, prefix: str) -> Iterator[BlobProperties]:
        """Blobs whose name starts with ``prefix``, in order of name."""

    def upload_address(self, container: str, name: str, lifetime: timedelta) -> str:
        """Make an address to which one new blob can be written, once, and nothing be read."""

    def read_address(self, container: str, name: str, lifetime: timedelta) -> str:
        """Make an address from which one blob can be read."""


class AppendStore(Protocol):
    """Append-only blobs: the audit log's home. There is no way to change or delete."""

    def create(self, name: str) -> None:
        """Make an empty append blob; ConflictError if it exists."""

    def append(self, name: str, data: bytes, *, position: int) -> None:
        """Append at exactly ``position`` bytes; ConflictError if the blob ends elsewhere."""

    def put(self, name: str, data: bytes) -> None:
        """Write a new blob as a whole (a checkpoint); ConflictError if it exists."""

    def size(self, name: str) -> int | None:
        """Length in bytes, or None where there is none."""

    def read(self, name: str, *, start: int = 0) -> bytes:
        """Content from ``start`` to the end; NotFoundError where there is none."""

    def list(self, prefix: str = "") -> Iterator[BlobProperties]:
        """Blobs whose name starts with ``prefix``, in order of name."""


class Table(Protocol):
    """One table; ``partition`` and ``row`` are the row's keys."""

    def get(self, partition: str, row: str) -> Entity | None:
        """Read one row, or None."""

    def insert(self, partition: str, row: str, values: Row) -> str:
        """Add a row and give its ETag; ConflictError if it exists."""

    def replace(self, partition: str, row: str, values: Row, *, etag: str) -> str:
        """Replace a row that is still ``etag``; else ConflictError."""

    def put(self, partition: str, row: str, values: Row) -> str:
        """Insert or replace a row, whatever was there."""

    def put_together(
        self, partition: str, rows: Mapping[str, Row], *, new: Collection[str] = ()
    ) -> None:
        """Insert or replace several rows of one partition, all or none.

        Raises ConflictError, and writes nothing, when a row named in ``new`` exists.
        """

    def delete(self, partition: str, row: str, *, etag: str | None = None) -> bool:
        """Delete a row; False where there was none; ConflictError when it is no longer ``etag``."""

    def query(self, partition: str | None = None, *, row_prefix: str = "") -> Iterator[Entity]:
        """Rows of a partition (or of all), in order of keys."""


class Queue(Protocol):
    """One queue of messages to the functions of this app."""

    def send(self, text: str) -> None:
        """Add a message, which is then delivered at least once, in any order."""


class SigningKey(Protocol):
    """ES256 signatures by a key that never leaves its vault."""

    @property
    def kid(self) -> str:
        """Identifier of the key version in use."""

    def sign(self, message: bytes) -> bytes:
        """Sign SHA-256 of ``message``; 64 bytes, r then s (RFC 7518, section 3.4)."""

    def public_keys(self) -> tuple[PublicKey, ...]:
        """All versions that signatures in circulation may name, newest first."""


class WrappingKey(Protocol):
    """RSA-OAEP-256 wrapping of data keys."""

    @property
    def kid(self) -> str:
        """Identifier of the newest version, by which ``wrap`` wraps."""

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        """Give the wrapping key's id and the wrapped key."""

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """Unwrap; IntegrityError if it was not wrapped by ``kid``."""
