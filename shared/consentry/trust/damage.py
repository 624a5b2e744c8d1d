"""Walks one chain of the audit log and names the first record that is not as it was written.

The walk needs one pass and keeps one line at a time. Where a line does not follow the one
before it, the lines after it tell what happened: a record whose number comes later was moved,
one that never comes was removed, and so on. If nothing after it can tell, the verdict is the
likelier one; that something is wrong there is certain in any case.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain as joined

from consentry.trust.chain import NEWLINE, Head, Line, parse


class Damage(StrEnum):
    """What was done to a log; the last four are said of checkpoints only."""

    EDITED = "edited"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    FORKED = "forked"  # two lines, chains or trees that go on from the same place
    REPLACED = "replaced"  # another checkpoint stands where one was sealed: an older or new one
    FOREIGN_KEY = "signed by an unknown key"
    ROLLED_BACK = "rolled back"  # a checkpoint held elsewhere covers more than the log has
    GAP = "missing for a time"  # nothing was sealed for longer than it may take


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
    take: Callable[[Line], None] | None = None,
) -> ChainVerdict:
    """Walk on from ``start``; ``sealed`` has the digests that checkpoints state, by count.

    ``take`` gets every line that is as it was written.
    """
    head = start or Head()
    before = ""
    sealed = sealed or {}
    segment = -1
    rest = entries(segments)
    for entry in rest:
        line = entry.line
        if line is None or line.chain != chain or not line.follows(head):
            if line is not None and line.chain == chain and _forks(before, head, line):
                return ChainVerdict(head, Finding(chain, entry.segment, line.seq, Damage.FORKED))
            kind, sequence = _diagnose(chain, head, segment, entry, rest)
            return ChainVerdict(head, Finding(chain, entry.segment, sequence, kind))
        if sealed.get(line.seq + 1, line.digest) != line.digest:
            return ChainVerdict(head, Finding(chain, entry.segment, line.seq, Damage.EDITED))
        if take is not None:
            take(line)
        before, head, segment = line.prev, line.head(), entry.segment
    if head.count < max(sealed, default=0):
        kind = Damage.TRUNCATED if head.count else Damage.REMOVED
        return ChainVerdict(head, Finding(chain, max(segment, 0), head.count, kind))
    return ChainVerdict(head)


def _forks(before: str, head: Head, line: Line) -> bool:
    """Tell whether a line is another successor of the line before the last one."""
    return line.seq == head.count - 1 and line.prev == before and line.digest != head.digest


def _diagnose(
    chain: str, head: Head, segment: int, bad: Entry, rest: Iterator[Entry]
) -> tuple[Damage, int]:
    """Tell what happened at ``bad``, and the number of the record that it happened to."""
    if not bad.complete:
        return Damage.TRUNCATED, head.count
    following = next(rest, None)
    after = following.line if following is not None else None
    line = bad.line
    next_one_fits = after is not None and after.follows(head)
    if line is None or line.chain != chain:
        return (Damage.INSERTED if next_one_fits else Damage.EDITED), head.count
    later = joined([] if following is None else [following], rest)
    if line.seq > head.count:
        return _gap(head, line, later, new_segment=bad.segment == segment + 1), head.count
    if next_one_fits:
        return Damage.INSERTED, head.count
    if line.seq == head.count:
        return _broken_link(head, line, after)
    followed_by_number = after is not None and after.seq == head.count + 1
    return (Damage.EDITED if followed_by_number else Damage.INSERTED), head.count


def _gap(head: Head, line: Line, later: Iterator[Entry], *, new_segment: bool) -> Damage:
    """Tell why a line has a number that is too high, by the numbers that come after it."""
    numbers = (-1 if entry.line is None else entry.line.seq for entry in later)
    first = highest = next(numbers, -1)
    expected_comes, again = first == head.count, first == line.seq
    for number in numbers:
        expected_comes |= number == head.count
        again |= number == line.seq
        highest = max(highest, number)
    if expected_comes:
        moved = not again and line.seq <= highest + 1
        return Damage.REORDERED if moved else Damage.INSERTED
    if first == head.count + 1:
        return Damage.EDITED
    return Damage.TRUNCATED if new_segment and head.count else Damage.REMOVED


def _broken_link(head: Head, line: Line, after: Line | None) -> tuple[Damage, int]:
    """Tell which of two neighbours was edited: the later one is whole if its successor says so."""
    if head.count and (after is None or after.prev == line.digest):
        return Damage.EDITED, head.count - 1
    return Damage.EDITED, head.count
