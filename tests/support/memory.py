"""In-memory twins of all ports. They pass the same contract tests as the adapters do.

Each has ``faults``, by which a test makes an operation fail, before or after it took effect,
or holds it up; the test then sees what a service does whose stores misbehave.
"""

import hashlib
import itertools
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import BinaryIO

from joserfc import jws
from joserfc.jwk import ECKey
from tests.support.faults import Faults

from consentry.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    PayloadTooLargeError,
)
from consentry.stored import Blob, BlobProperties, Entity, PublicKey, Row


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


class MemoryBlobs:
    """Blob containers; its addresses lead nowhere."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self.faults = Faults()
        self._clock = clock or (lambda: datetime.now(UTC))
        self._blobs: dict[tuple[str, str], Blob] = {}
        self._etags = itertools.count(1)
        self._lock = threading.RLock()

    def properties(self, container: str, name: str) -> BlobProperties | None:
        with self.faults.around("properties"), self._lock:
            blob = self._blobs.get((container, name))
            return None if blob is None else blob.properties

    def read(
        self, container: str, name: str, *, limit: int, etag: str | None = None
    ) -> Blob | None:
        with self.faults.around("read"), self._lock:
            blob = self._blobs.get((container, name))
            if blob is None:
                return None
            _check_etag(blob.properties.etag, etag)
            if blob.properties.size > limit:
                raise PayloadTooLargeError("the blob is larger than its limit")
            return blob

    def open(self, container: str, name: str, *, etag: str) -> BinaryIO | None:
        with self.faults.around("open"), self._lock:
            blob = self._blobs.get((container, name))
            if blob is None:
                return None
            _check_etag(blob.properties.etag, etag)
        return _MemoryFile(blob, lambda: self._blobs.get((container, name)))

    def upload(self, container: str, name: str, file: BinaryIO, *, content_type: str) -> str:
        with self.faults.around("upload"):
            file.seek(0)
            return self.write(container, name, file.read(), content_type=content_type)

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
        del content_type
        with self.faults.around("write"), self._lock:
            if only_new and (container, name) in self._blobs:
                raise ConflictError("the blob exists")
            etag = f"0x{next(self._etags):X}"
            modified = self._clock().replace(microsecond=0)
            properties = BlobProperties(name, etag, len(data), modified, dict(metadata or {}))
            self._blobs[container, name] = Blob(properties, data)
            return etag

    def move(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        *,
        etag: str,
        metadata: Mapping[str, str],
    ) -> None:
        with self.faults.around("move"), self._lock:
            blob = self._blobs.get(source)
            if blob is None:
                raise ConflictError("the blob to move has gone")
            _check_etag(blob.properties.etag, etag)
            kept = dict(metadata) or dict(blob.properties.metadata)
            self.write(*target, blob.data, content_type="", metadata=kept)
            del self._blobs[source]

    def delete(self, container: str, name: str, *, etag: str | None = None) -> bool:
        with self.faults.around("delete"), self._lock:
            blob = self._blobs.get((container, name))
            if blob is None:
                return False
            _check_etag(blob.properties.etag, etag)
            del self._blobs[container, name]
            return True

    def list(self, container: str, prefix: str) -> Iterator[BlobProperties]:
        with self.faults.around("list"), self._lock:
            names = sorted(name for held, name in self._blobs if held == container)
            found = [self._blobs[container, name].properties for name in names]
        yield from (blob for blob in found if blob.name.startswith(prefix))

    def upload_address(self, container: str, name: str, lifetime: timedelta) -> str:
        return f"memory://{container}/{name}?create&{lifetime.total_seconds():.0f}"

    def read_address(self, container: str, name: str, lifetime: timedelta) -> str:
        return f"memory://{container}/{name}?read&{lifetime.total_seconds():.0f}"


class _MemoryFile(BytesIO):
    """A blob that is read in parts, as long as it is the one that was opened."""

    def __init__(self, blob: Blob, now: Callable[[], Blob | None]) -> None:
        super().__init__(blob.data)
        self._blob = blob
        self._now = now

    def read(self, size: int | None = -1, /) -> bytes:
        now = self._now()
        _check_etag("" if now is None else now.properties.etag, self._blob.properties.etag)
        return super().read(size)


class MemoryQueue:
    """One queue; ``take`` gives what was sent and not yet taken, as the host would deliver it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._texts: list[str] = []
        self._lock = threading.Lock()

    def send(self, text: str) -> None:
        with self.faults.around("send"), self._lock:
            self._texts.append(text)

    def take(self) -> list[str]:
        with self._lock:
            texts, self._texts = self._texts, []
            return texts


class MemoryAppends:
    """Append blobs. ``tamper`` does what no port can: it changes what was written."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.blocks = 0
        self._parts: dict[str, bytes] = {}
        self._lock = threading.RLock()

    def create(self, name: str) -> None:
        with self.faults.around("create"), self._lock:
            if name in self._parts:
                raise ConflictError("the blob exists")
            self._parts[name] = b""

    def append(self, name: str, data: bytes, *, position: int) -> None:
        with self.faults.around("append"), self._lock:
            if len(self._parts.get(name, b"")) != position or name not in self._parts:
                raise ConflictError("the blob ends elsewhere")
            self._parts[name] += data
            self.blocks += 1

    def put(self, name: str, data: bytes) -> None:
        with self.faults.around("put"), self._lock:
            if name in self._parts:
                raise ConflictError("the blob exists")
            self._parts[name] = data

    def size(self, name: str) -> int | None:
        with self.faults.around("size"), self._lock:
            return len(self._parts[name]) if name in self._parts else None

    def read(self, name: str, *, start: int = 0) -> bytes:
        with self.faults.around("read"), self._lock:
            if name not in self._parts:
                raise NotFoundError("there is no such part of the log")
            return self._parts[name][start:]

    def list(self, prefix: str = "") -> Iterator[BlobProperties]:
        with self.faults.around("list"), self._lock:
            found = sorted(self._parts.items())
        for name, data in found:
            if name.startswith(prefix):
                etag = hashlib.sha256(data).hexdigest()
                yield BlobProperties(name, etag, len(data), datetime.now(UTC))

    def tamper(self, name: str, data: bytes | None) -> None:
        """Replace a part of the log, or remove it."""
        if data is None:
            del self._parts[name]
        else:
            self._parts[name] = data

    def copy(self) -> "MemoryAppends":
        """Give another store with the same content."""
        twin = MemoryAppends()
        twin._parts = dict(self._parts)
        return twin


class MemoryTable:
    """One table."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._rows: dict[tuple[str, str], Entity] = {}
        self._etags = itertools.count(1)
        self._lock = threading.RLock()

    def get(self, partition: str, row: str) -> Entity | None:
        with self.faults.around("get"), self._lock:
            return self._rows.get((partition, row))

    def insert(self, partition: str, row: str, values: Row) -> str:
        with self.faults.around("insert"), self._lock:
            if (partition, row) in self._rows:
                raise ConflictError("the row exists")
            return self._set(partition, row, values)

    def replace(self, partition: str, row: str, values: Row, *, etag: str) -> str:
        with self.faults.around("replace"), self._lock:
            found = self._rows.get((partition, row))
            if found is None:
                raise ConflictError("the row has gone")
            _check_etag(found.etag, etag)
            return self._set(partition, row, values)

    def put(self, partition: str, row: str, values: Row) -> str:
        with self.faults.around("put"), self._lock:
            return self._set(partition, row, values)

    def put_together(
        self, partition: str, rows: Mapping[str, Row], *, new: Collection[str] = ()
    ) -> None:
        with self.faults.around("put_together"), self._lock:
            if any((partition, row) in self._rows for row in new):
                raise ConflictError("a row exists")
            for row, values in rows.items():
                self._set(partition, row, values)

    def delete(self, partition: str, row: str, *, etag: str | None = None) -> bool:
        with self.faults.around("delete"), self._lock:
            found = self._rows.get((partition, row))
            if found is None:
                return False
            _check_etag(found.etag, etag)
            del self._rows[partition, row]
            return True

    def query(self, partition: str | None = None, *, row_prefix: str = "") -> Iterator[Entity]:
        with self.faults.around("query"), self._lock:
            found = [self._rows[key] for key in sorted(self._rows)]
        for entity in found:
            if partition in (None, entity.partition) and entity.row.startswith(row_prefix):
                yield entity

    def _set(self, partition: str, row: str, values: Row) -> str:
        etag = str(next(self._etags))
        self._rows[partition, row] = Entity(partition, row, dict(values), etag)
        return etag


class MemorySigningKey:
    """An ES256 key; ``rotate`` makes a new version beside the old ones."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._versions: list[ECKey] = []
        self.rotate()

    def rotate(self) -> None:
        self._versions.insert(0, ECKey.generate_key("P-256"))

    @property
    def kid(self) -> str:
        return self._versions[0].thumbprint()

    def sign(self, message: bytes) -> bytes:
        with self.faults.around("sign"):
            algorithm = jws.JWSRegistry.algorithms["ES256"]
            return algorithm.sign(message, self._versions[0])

    def public_keys(self) -> tuple[PublicKey, ...]:
        return tuple(
            PublicKey(
                key.thumbprint(),
                {
                    **{name: str(value) for name, value in key.as_dict(private=False).items()},
                    "kid": key.thumbprint(),
                },
            )
            for key in self._versions
        )


class MemoryWrappingKey:
    """Wraps by remembering: whoever does not hold this object learns nothing."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._wrapped: dict[tuple[str, bytes], bytes] = {}
        self.rotate()

    def rotate(self) -> None:
        """Make a new version; what older ones wrapped still unwraps."""
        self._kid = secrets.token_hex(8)

    @property
    def kid(self) -> str:
        return self._kid

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        with self.faults.around("wrap"):
            token = secrets.token_bytes(32)
            self._wrapped[self._kid, token] = key
            return self._kid, token

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        with self.faults.around("unwrap"):
            if (kid, wrapped) not in self._wrapped:
                raise IntegrityError("a data key does not unwrap")
            return self._wrapped[kid, wrapped]


def _check_etag(now: str, wanted: str | None) -> None:
    if wanted is not None and wanted != now:
        raise ConflictError("it was changed meanwhile")
