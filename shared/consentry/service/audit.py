"""The audit log's writer: durable before it returns, one hash chain per process and day.

Records go to append blobs ``{yyyy-mm-dd}/{chain}/{segment}.jsonl``. Under load, threads that
wait are committed together: the first one writes for all that came meanwhile (group commit).

An append of which it is not known whether it arrived (a lost answer, a retry refused) is
settled by reading the blob. Unless the bytes are found there, the batch fails, the chain is
abandoned as it stands, whole and verifiable, and the next record begins a new one; an append
that arrives late then lands, harmlessly, at the end of the old chain.
"""

import secrets
import threading
from dataclasses import dataclass, field
from typing import Final

from consentry.errors import AuditUnavailableError, NotFoundError, StorageError
from consentry.limits import (
    AUDIT_BATCH_BYTES_MAX,
    AUDIT_RECORD_BYTES_MAX,
    AUDIT_SEGMENT_BLOCKS_MAX,
    AUDIT_SEGMENT_BYTES_MAX,
)
from consentry.service.ports import AppendStore, Clock
from consentry.trust.chain import NEWLINE, Head, extend, segment_name
from consentry.trust.records import AuditRecord

CHAIN_BYTES: Final = 16


@dataclass
class _Chain:
    """Where the writer stands; ``position`` is the length of the segment in bytes."""

    day: str
    id: str = field(default_factory=lambda: secrets.token_hex(CHAIN_BYTES))
    segment: int = 0
    position: int = 0
    blocks: int = 0
    head: Head = field(default_factory=Head)

    @property
    def name(self) -> str:
        return segment_name(self.day, self.id, self.segment)


@dataclass(eq=False)
class _Entry:
    """A record on its way; settled under the lock by whoever commits its batch."""

    record: AuditRecord
    settled: bool = False
    durable: bool = False


class AuditLog:
    """Appends records to this process's chain."""

    def __init__(
        self,
        store: AppendStore,
        clock: Clock,
        *,
        segment_blocks: int = AUDIT_SEGMENT_BLOCKS_MAX,
        segment_bytes: int = AUDIT_SEGMENT_BYTES_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._segment_blocks = segment_blocks
        self._segment_bytes = segment_bytes
        self._turn = threading.Condition()
        self._waiting: list[_Entry] = []
        self._writing = False
        self._chain: _Chain | None = None

    @property
    def waiting(self) -> int:
        """Number of records that wait for the commit after the one under way."""
        with self._turn:
            return len(self._waiting)

    def append(self, record: AuditRecord) -> None:
        """Return once the record is durable; AuditUnavailableError if it may not be."""
        entry = _Entry(record)
        with self._turn:
            self._waiting.append(entry)
        while True:
            with self._turn:
                self._turn.wait_for(lambda: entry.settled or not self._writing)
                if entry.settled:
                    break
                self._writing = True
                batch = self._take_batch()
            self._write_for_all(batch)
        if not entry.durable:
            raise AuditUnavailableError("the audit record could not be made durable")

    def _take_batch(self) -> list[_Entry]:
        most = AUDIT_BATCH_BYTES_MAX // AUDIT_RECORD_BYTES_MAX
        batch, self._waiting = self._waiting[:most], self._waiting[most:]
        return batch

    def _write_for_all(self, batch: list[_Entry]) -> None:
        durable = False
        try:
            durable = self._commit([entry.record for entry in batch])
        finally:
            with self._turn:
                for entry in batch:
                    entry.settled, entry.durable = True, durable
                self._writing = False
                self._turn.notify_all()

    def _commit(self, records: list[AuditRecord]) -> bool:
        """Append one block; only one thread at a time comes here."""
        chain, self._chain = self._chain, None  # stays abandoned unless all goes well
        try:
            chain = self._ready(chain)
            lines, head = [], chain.head
            for record in records:
                line, head = extend(chain.id, head, record.document())
                lines.append(line + NEWLINE)
            block = b"".join(lines)
            if not self._arrived(chain, block):
                return False
        except (StorageError, NotFoundError):
            return False
        chain.position += len(block)
        chain.blocks += 1
        chain.head = head
        self._chain = chain
        return True

    def _ready(self, chain: _Chain | None) -> _Chain:
        """Give a chain with room in its segment, beginning what is needed."""
        day = self._clock().date().isoformat()
        if chain is None or chain.day != day:
            chain = _Chain(day)
        elif chain.blocks >= self._segment_blocks or chain.position >= self._segment_bytes:
            chain.segment += 1
            chain.position = chain.blocks = 0
        if chain.blocks == 0:
            self._store.create(chain.name)
        return chain

    def _arrived(self, chain: _Chain, block: bytes) -> bool:
        try:
            self._store.append(chain.name, block, position=chain.position)
        except StorageError:  # a conflict too: the client may have sent it twice
            return self._is_there(chain, block)
        return True

    def _is_there(self, chain: _Chain, block: bytes) -> bool:
        """Tell whether exactly ``block`` is what follows the known part of the segment."""
        if self._store.size(chain.name) != chain.position + len(block):
            return False
        return self._store.read(chain.name, start=chain.position) == block
