"""Seals the audit log: adds what its chains have gained to the tree, and signs the tree.

Each run reads only what was appended since the last one, and only days that may still have
grown, so the cost over a log's life is linear in its length.

A seal has three steps, and each can be repeated by whoever comes next: the batch's statement is
written, once and for all; the tiles, which follow from it; the signed checkpoint. A run that finds
a statement without a checkpoint finishes that batch before it begins another.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from consentry.errors import ConflictError, IntegrityError
from consentry.service.checkpoint_store import Checkpoints
from consentry.service.ports import AppendStore, PublicKey, SigningKey
from consentry.trust.chain import GENESIS, Head, segment_name, split_name
from consentry.trust.checkpoints import (
    Batch,
    Checkpoint,
    InclusionProof,
    Sealed,
    SealedHead,
    batch_name,
    proof_name,
)
from consentry.trust.damage import walk
from consentry.trust.merkle import Tree, leaf_hash
from consentry.trust.records import utc_text
from consentry.trust.tiles import grown_tiles

GROWING: Final = timedelta(days=1)  # a chain may grow until the end of the day after its own

_ChainKey = tuple[str, str]
_Sizes = Mapping[int, int]  # of a chain's segments, in bytes, by their numbers


@dataclass
class _Gain:
    """What a batch takes in: where the chains stand, and the new leaves in their order."""

    heads: dict[_ChainKey, SealedHead] = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)
    grown: int = 0
    damaged: int = 0


@dataclass(frozen=True)
class Sealer:
    """Writes the next checkpoint of the log that is called ``origin``."""

    store: AppendStore
    key: SigningKey
    origin: str

    def seal(self, now: datetime) -> int:
        """Seal all chains that grew; give their number.

        Nothing is written when none did, or when somebody else sealed at the same time. A
        chain that is damaged stays sealed as it was; IntegrityError then says so at the end.
        """
        checkpoints = Checkpoints(self.store)
        number = checkpoints.last_number()
        last = checkpoints.open(number, self.key.public_keys()) if number else None
        batch = self._begun(number + 1)
        if batch is None:
            batch, gain = self._plan(last, now)
            if gain.grown:
                try:
                    self.store.put(batch_name(number + 1), batch.line())
                except ConflictError:
                    return 0
        else:
            gain = self._gain(last, {head.key: _until(head) for head in batch.heads})
            if gain.heads != {head.key: head for head in batch.heads}:
                raise IntegrityError("a batch that was begun is not what the log holds")
        if gain.grown:
            self._publish(last, batch, gain.leaves)
        if gain.damaged:
            raise IntegrityError("a chain of the audit log does not verify")
        return gain.grown

    def _begun(self, number: int) -> Batch | None:
        """Give the batch that somebody began and did not finish."""
        if self.store.size(batch_name(number)) is None:
            return None
        return Checkpoints(self.store).batch(number)

    def _plan(self, last: Sealed | None, now: datetime) -> tuple[Batch, _Gain]:
        """Take in all that is there."""
        time, since = utc_text(now), (now - GROWING).date().isoformat()
        chains = self._chains("" if last is None else last.batch.since, now)
        if last is not None:
            for head in last.batch.heads:
                if head.day >= last.batch.since:
                    chains.setdefault(head.key, {})  # a chain that is gone is damaged
        gain = self._gain(last, chains)
        batch = Batch(
            batch=1 if last is None else last.batch.batch + 1,
            time=time if last is None else max(time, last.batch.time),
            since=since,
            previous=GENESIS if last is None else last.proof.checkpoint.digest,
            heads=[
                head for key, head in sorted(gain.heads.items()) if head.grew or key[0] >= since
            ],
        )
        return batch, gain

    def _gain(self, last: Sealed | None, chains: Mapping[_ChainKey, _Sizes]) -> _Gain:
        """Walk what is new in chains of these sizes; what is damaged stays as it was sealed."""
        sealed = {} if last is None else {head.key: head for head in last.batch.heads}
        gain = _Gain()
        for key, sizes in sorted(chains.items()):
            before = sealed.get(key)
            if before is None and not any(sizes.values()):
                continue  # begun, and nothing is written yet
            known = None if before is None else before.model_copy(update={"start": before.count})
            leaves: list[bytes] = []
            head = self._advance(key, sizes, known, leaves)
            if head is None:
                gain.damaged += 1
                head = known
            elif head.grew:
                gain.grown += 1
                gain.leaves += leaves
            if head is not None:
                gain.heads[key] = head
        return gain

    def _publish(self, last: Sealed | None, batch: Batch, leaves: list[bytes]) -> None:
        """Write the tiles, then the checkpoint; others may be writing the same."""
        tree = Tree() if last is None else last.tree
        size, statement = tree.size, leaf_hash(batch.line())
        for leaf in leaves:
            tree.append(leaf)
        path, index = tree.next_path, tree.size
        tree.append(statement)
        for name, tile in grown_tiles(size, [*leaves, statement], self.store.read):
            self._put_once(name, tile)
        checkpoint = Checkpoint.sign(self.origin, tree, key=self._public(), sign=self.key.sign)
        proof = InclusionProof(index, path, checkpoint)
        self._put_once(proof_name(batch.batch), proof.file())

    def _put_once(self, name: str, data: bytes) -> None:
        try:
            self.store.put(name, data)
        except ConflictError:
            return  # whoever was first wrote the same, but for a signature's random part

    def _public(self) -> PublicKey:
        for key in self.key.public_keys():
            if key.kid == self.key.kid:
                return key
        raise IntegrityError("the signing key is not among its public keys")

    def _chains(self, since: str, now: datetime) -> dict[_ChainKey, _Sizes]:
        """Sizes of the segments, by number, of the chains of ``since`` and later days."""
        chains: dict[_ChainKey, dict[int, int]] = defaultdict(dict)
        for prefix in _days(since, now) if since else [""]:
            for found in self.store.list(prefix):
                if (parts := split_name(found.name)) is not None:
                    chains[parts[0], parts[1]][parts[2]] = found.size
        return {**chains}

    def _advance(
        self, key: _ChainKey, sizes: _Sizes, sealed: SealedHead | None, leaves: list[bytes]
    ) -> SealedHead | None:
        """Walk what is new in a chain; None if it does not follow what was sealed."""
        day, chain = key
        segment, size = (0, 0) if sealed is None else (sealed.segment, sealed.size)
        start = Head() if sealed is None else sealed.head
        if sizes.get(segment, 0) < size:
            return None
        read: dict[int, int] = {}

        def contents() -> Iterator[tuple[int, bytes]]:
            for number in sorted(sizes):
                skipped = size if number == segment else 0
                if number >= segment and sizes[number] > skipped:
                    data = self.store.read(segment_name(day, chain, number), start=skipped)
                    read[number] = sizes[number]
                    yield number, data[: sizes[number] - skipped]

        verdict = walk(chain, contents(), start=start, take=lambda line: leaves.append(line.leaf))
        if verdict.finding is not None:
            return None
        if not read:
            return sealed
        last = max(read)
        return SealedHead(
            day=day,
            chain=chain,
            segment=last,
            size=read[last],
            start=start.count,
            count=verdict.head.count,
            digest=verdict.head.digest,
        )


def _until(head: SealedHead) -> _Sizes:
    """Sizes that reach to a head and no further; of the segments before, whatever they hold."""
    return {**dict.fromkeys(range(head.segment), sys.maxsize), head.segment: head.size}


def _days(since: str, now: datetime) -> Iterator[str]:
    day = datetime.fromisoformat(since).date()
    while day <= now.date():
        yield f"{day.isoformat()}/"
        day += timedelta(days=1)
