"""Proofs out of the log: that a record is in it, and that the log only ever grew.

A record is found by its id, which begins with the time of its call: the record was sealed by
one of the next checkpoints. Every proof is checked before it is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from consentry.errors import ArgumentError, IntegrityError, NotFoundError
from consentry.limits import AUDIT_SEARCH_SECONDS_MAX
from consentry.service.checkpoint_store import Checkpoints
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ports import AppendStore, SigningKey
from consentry.trust.chain import NEWLINE, segment_name
from consentry.trust.checkpoints import Batch, Checkpoint, InclusionProof, Sealed, SealedHead
from consentry.trust.merkle import Tree, consistency_path, inclusion_path
from consentry.trust.proofs import ConsistencyProof, RecordProof
from consentry.trust.tiles import TileReader

TIME_SHIFT: Final = 80  # of the milliseconds in a UUID version 7


@dataclass(frozen=True)
class Proofs:
    """Makes proofs against the newest checkpoint."""

    store: AppendStore
    key: SigningKey

    def record(self, invocation: Invocation, identifier: UUID) -> Outcome[RecordProof]:
        """Prove that a record is in the log; a tenant's callers find their own tenant's only."""
        newest = self._newest()
        for index, line in self._lines(identifier, newest.batch.batch):
            proof = RecordProof(line, self._inclusion(index, newest.proof.checkpoint))
            if proof.record.get("id") != str(identifier):
                continue  # another record that names this one
            if invocation.principal.may_see(str(proof.record.get("tenant"))):
                if not proof.proof.covers(line):
                    raise IntegrityError("the tree's tiles are not what the checkpoint seals")
                invocation.regards(str(proof.record.get("tenant")))
                return Outcome(proof)
        raise NotFoundError("no record of that id is sealed, or it is not yours")

    def consistency(self, size: int) -> Outcome[ConsistencyProof]:
        """Prove that the log begins with what it held when it had ``size`` leaves."""
        new = self._newest().proof.checkpoint
        if not 0 < size <= new.size:
            raise ArgumentError("size is that of an earlier checkpoint of this log")
        node = self._tiles(new)
        edge, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                edge.append(node(level, start >> level))
                start += 1 << level
        path = consistency_path(size, new.size, node)
        proof = ConsistencyProof(size, Tree(size, edge).root, path, new)
        if not proof.holds:
            raise IntegrityError("the tree's tiles are not what the checkpoint seals")
        return Outcome(proof)

    def checkpoint(self) -> Outcome[Checkpoint]:
        """Give the newest checkpoint, to be kept apart from the log."""
        return Outcome(self._newest().proof.checkpoint)

    def _newest(self) -> Sealed:
        return Checkpoints(self.store).newest(self.key.public_keys())

    def _inclusion(self, index: int, checkpoint: Checkpoint) -> InclusionProof:
        path = inclusion_path(index, checkpoint.size, self._tiles(checkpoint))
        return InclusionProof(index, path, checkpoint)

    def _tiles(self, checkpoint: Checkpoint) -> TileReader:
        return TileReader(checkpoint.size, self._tile)

    def _tile(self, name: str) -> bytes:
        try:
            return self.store.read(name)
        except NotFoundError:
            raise IntegrityError("a tile of the tree is missing") from None

    def _lines(self, identifier: UUID, last: int) -> Iterator[tuple[int, bytes]]:
        """Find the lines that hold an id, with their places in the tree."""
        try:
            began = datetime.fromtimestamp((identifier.int >> TIME_SHIFT) / 1000, UTC)
        except (ValueError, OverflowError):
            return
        checkpoints = Checkpoints(self.store)
        number = checkpoints.first_since(began, last)
        before = checkpoints.batch(number - 1) if 1 < number <= last else None
        while number <= last:
            if before is not None and datetime.fromisoformat(before.time) > began + _SEARCHED:
                return
            batch = checkpoints.batch(number)
            size = checkpoints.open(number, self.key.public_keys()).proof.checkpoint.size
            yield from self._lines_of(batch, before, size - 1 - batch.records, str(identifier))
            before, number = batch, number + 1

    def _lines_of(
        self, batch: Batch, before: Batch | None, first: int, identifier: str
    ) -> Iterator[tuple[int, bytes]]:
        """Find them in one batch, whose first leaf is number ``first``."""
        known = {} if before is None else {head.key: head for head in before.heads}
        wanted = f'"id":"{identifier}"'.encode()
        for head in batch.heads:
            if head.grew:
                for place, line in enumerate(self._gained(head, known.get(head.key))):
                    if wanted in line:
                        yield first + place, line
                first += head.grew

    def _gained(self, head: SealedHead, before: SealedHead | None) -> Iterator[bytes]:
        """Read the lines that a batch took from a chain."""
        segment, size = (0, 0) if before is None else (before.segment, before.size)
        for number in range(segment, head.segment + 1):
            start = size if number == segment else 0
            data = self.store.read(segment_name(head.day, head.chain, number), start=start)
            if number == head.segment:
                data = data[: head.size - start]
            yield from data.removesuffix(NEWLINE).split(NEWLINE) if data else ()


_SEARCHED: Final = timedelta(seconds=AUDIT_SEARCH_SECONDS_MAX)
