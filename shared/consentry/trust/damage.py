"""Walks one chain of the audit log and names the first record that is not as it was written.

The walk needs one pass and keeps one line at a time. Where a line does not follow the one
before it, the lines after it tell what happened: a record whose number comes later was moved,
one that never comes was removed, and so on. If nothing after it can tell, the verdict is the
likelier one; that something is wrong there is certain in any case.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain as joined

from consentry.trust.chain import NEWLINE, Head, Line, parse


class Damage(StrEnum):
    """What was done to a log."""

    EDITED = "edited"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"


@dataclass(frozen=True)
class Finding:
    """The first bad record of a chain: its number from 0, and the segment where it stands."""

    chain: str
    segment: int
    sequence: int
    kind: Damage


@dataclass(frozen=True)
class ChainVerdict:
    """How far a chain is whole, and what is wrong after that, if anything."""

    head: Head
    finding: Finding | None = None


@dataclass(frozen=True, repr=False)
class Entry:
    """What stands at one place; ``line`` is None where it is not well-formed."""

    segment: int
    line: Line | None
    complete: bool = True


def entries(segments: Iterable[tuple[int, bytes]]) -> Iterator[Entry]:
    """Read the lines of segments that come in order of their numbers."""
    for number, data in segments:
        *lines, rest = data.split(NEWLINE)
        for line in lines:
            yield Entry(number, parse(line))
        if rest:
            yield Entry(number, None, complete=False)


def walk(
    chain: str,
    segments: Iterable[tuple[int, bytes]],
    *,
    sealed: Mapping[int, str] | None = None,
    start: Head | None = None,
) -> ChainVerdict:
    """Walk on from ``start``; ``sealed`` has the digests that checkpoints state, by count."""
    head = start or Head()
    sealed = sealed or {}
    segment = -1
    rest = entries(segments)
    for entry in rest:
        line = entry.line
        if line is None or line.chain != chain or not line.follows(head):
            kind, sequence = _diagnose(chain, head, segment, entry, rest)
            return ChainVerdict(head, Finding(chain, entry.segment, sequence, kind))
        if sealed.get(line.seq + 1, line.digest) != line.digest:
            return ChainVerdict(head, Finding(chain, entry.segment, line.seq, Damage.EDITED))
        head, segment = line.head(), entry.segment
    if head.count < max(sealed, default=0):
        kind = Damage.TRUNCATED if head.count else Damage.REMOVED
        return ChainVerdict(head, Finding(chain, max(segment, 0), head.count, kind))
    return ChainVerdict(head)


def _diagnose(
    chain: str, head: Head, segment: int, bad: Entry, rest: Iterator[Entry]
) -> tuple[Damage, int]:
    """Tell what happened at ``bad``, and the number of the record that it happened to."""
    if not bad.complete:
        return Damage.TRUNCATED, head.count
    following = next(rest, None)
    after = following.line if following is not None else None
    line = bad.line
    if after is not None and after.follows(head):
        return Damage.INSERTED, head.count
    if line is None or line.chain != chain:
        return Damage.EDITED, head.count
    if line.seq == head.count:
        return _broken_link(head, line, after)
    if after is not None and after.seq == head.count + 1 and line.seq < head.count:
        return Damage.EDITED, head.count
    if line.seq < head.count:
        return Damage.INSERTED, head.count
    later = joined([] if following is None else [following], rest)
    if any(entry.line is not None and entry.line.seq == head.count for entry in later):
        return Damage.REORDERED, head.count
    if after is not None and after.seq == head.count + 1:
        return Damage.EDITED, head.count
    at_the_end_of_a_segment = head.count > 0 and bad.segment == segment + 1
    return (Damage.TRUNCATED if at_the_end_of_a_segment else Damage.REMOVED), head.count


def _broken_link(head: Head, line: Line, after: Line | None) -> tuple[Damage, int]:
    """Tell which of two neighbours was edited: the later one is whole if its successor says so."""
    if head.count and (after is None or after.prev == line.digest):
        return Damage.EDITED, head.count - 1
    return Damage.EDITED, head.count
