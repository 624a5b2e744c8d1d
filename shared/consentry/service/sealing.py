"""Seals the audit log: signs where its chains end now.

Each run reads only what was appended since the last one, and only days that may still have
grown, so the cost over a log's life is linear in its length.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consentry.errors import ConflictError, IntegrityError
from consentry.service.ports import AppendStore, SigningKey
from consentry.trust.chain import GENESIS, Head, segment_name, split_name
from consentry.trust.checkpoints import (
    Checkpoint,
    SealedHead,
    checkpoint_digest,
    checkpoint_name,
    open_checkpoint,
    sign_checkpoint,
)
from consentry.trust.damage import walk
from consentry.trust.records import utc_text

GROWING: Final = timedelta(days=1)  # a chain may grow until the end of the day after its own

_ChainKey = tuple[str, str]


@dataclass(frozen=True)
class Sealer:
    """Writes the next checkpoint."""

    store: AppendStore
    key: SigningKey

    def seal(self, now: datetime) -> int:
        """Sign a checkpoint over all chains that grew; give their number.

        Nothing is written when none did, or when somebody else sealed at the same time. A
        chain that is damaged stays sealed as it was; IntegrityError then says so at the end.
        """
        number = self._last_number()
        last, previous = self._read(number)
        sealed = {} if last is None else {(head.day, head.chain): head for head in last.heads}
        grown: dict[_ChainKey, SealedHead] = {}
        damaged = 0
        for key, sizes in self._chains("" if last is None else last.since, now).items():
            head = self._advance(key, sizes, sealed.get(key))
            if head is None:
                damaged += 1
            elif head != sealed.get(key):
                grown[key] = head
        since = (now - GROWING).date().isoformat()
        heads = {key: head for key, head in (sealed | grown).items() if key[0] >= since}
        if grown:
            checkpoint = Checkpoint(
                number=number + 1,
                time=utc_text(now),
                since=since,
                previous=previous,
                heads=[(heads | grown)[key] for key in sorted(heads | grown)],
            )
            signed = sign_checkpoint(checkpoint, kid=self.key.kid, sign=self.key.sign)
            try:
                self.store.put(checkpoint_name(number + 1), signed)
            except ConflictError:
                return 0
        if damaged:
            raise IntegrityError("a chain of the audit log does not verify")
        return len(grown)

    def _last_number(self) -> int:
        """Find the newest checkpoint with a logarithmic number of questions; 0 for none."""
        above = 1
        while self._exists(above):
            above *= 2
        below = above // 2
        while above - below > 1:
            middle = (above + below) // 2
            below, above = (middle, above) if self._exists(middle) else (below, middle)
        return below

    def _exists(self, number: int) -> bool:
        return self.store.size(checkpoint_name(number)) is not None

    def _read(self, number: int) -> tuple[Checkpoint | None, str]:
        """Give the newest checkpoint, verified, and the digest that the next one carries."""
        if number == 0:
            return None, GENESIS
        signed = self.store.read(checkpoint_name(number))
        return open_checkpoint(signed, self.key.public_keys()), checkpoint_digest(signed)

    def _chains(self, since: str, now: datetime) -> Mapping[_ChainKey, dict[int, int]]:
        """Sizes of the segments, by number, of the chains of ``since`` and later days."""
        chains: dict[_ChainKey, dict[int, int]] = defaultdict(dict)
        for prefix in _days(since, now) if since else [""]:
            for found in self.store.list(prefix):
                if (parts := split_name(found.name)) is not None:
                    chains[parts[0], parts[1]][parts[2]] = found.size
        return chains

    def _advance(
        self, key: _ChainKey, sizes: Mapping[int, int], sealed: SealedHead | None
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
                    read[number] = skipped + len(data)
                    yield number, data

        verdict = walk(chain, contents(), start=start)
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
            count=verdict.head.count,
            digest=verdict.head.digest,
        )


def _days(since: str, now: datetime) -> Iterator[str]:
    day = datetime.fromisoformat(since).date()
    while day <= now.date():
        yield f"{day.isoformat()}/"
        day += timedelta(days=1)
