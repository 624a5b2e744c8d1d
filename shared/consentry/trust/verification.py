"""Verification of an exported audit log, with no network and no account.

Four questions, in this order, because each answer makes the next one sure:

1. Are the checkpoints as they were signed, and does each name the one before it?
2. Is every chain, line by line, what the batches sealed, with nothing missing or added?
3. Do the lines, in the order of the log, give the root of every checkpoint? That is also the
   proof that each tree begins with the one before it.
4. Does the log agree with what the auditor knows from elsewhere: a checkpoint, a period?

An export may begin in the middle: its first checkpoint is then the anchor that the rest builds
on, with no lines of its own. Everything in an export is sealed; what is not has no place there.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from consentry.errors import ArgumentError, IntegrityError, NotFoundError
from consentry.stored import PublicKey
from consentry.trust.chain import GENESIS, Head, segment_name, split_name
from consentry.trust.checkpoints import (
    BATCH,
    PROOF,
    Checkpoint,
    Sealed,
    batch_name,
    proof_name,
    split_checkpoint_name,
)
from consentry.trust.damage import Damage, Finding, walk
from consentry.trust.merkle import HASH_BYTES, Tree, leaf_hash
from consentry.trust.notes import UnknownKeyError

CHECKPOINTS: Final = "checkpoints"  # stands for a chain's id in a finding about checkpoints
UNKNOWN: Final = "unknown"  # stands for it where a thing is no part of any chain

ChainKey = tuple[str, str]


class Named(Protocol):
    """Something in a log, as a listing gives it."""

    @property
    def name(self) -> str:
        """Its name, with ``/`` between the parts."""


class Log(Protocol):
    """An exported log, wherever it lies."""

    def list(self, prefix: str = "") -> Iterator[Named]:
        """What the export holds, in order of name."""

    def read(self, name: str) -> bytes:
        """Content of one part; NotFoundError where there is none."""


@dataclass(frozen=True)
class Known:
    """What the auditor knows from elsewhere; each may be left out.

    ``checkpoint`` was kept apart from the log; the log has to cover ``since`` to ``until``; no two
    neighbouring checkpoints may be further apart than ``gap``.
    """

    checkpoint: Checkpoint | None = None
    since: datetime | None = None
    until: datetime | None = None
    gap: timedelta | None = None


@dataclass(frozen=True)
class AuditReport:
    """What was checked, and the first wrong record of each chain that has one.

    ``size`` is the number of leaves of the newest tree: all records and batches so far.
    """

    origin: str
    size: int
    chains: int
    records: int
    checkpoints: int
    since: str
    until: str
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass
class _Chain:
    """What the checkpoints say of one chain, and the leaves that were found."""

    start: Head
    sealed: dict[int, str]
    leaves: bytearray

    @property
    def count(self) -> int:
        return max(self.sealed)

    def part(self, start: int, count: int) -> bytes:
        first, last = start - self.start.count, count - self.start.count
        return bytes(self.leaves[first * HASH_BYTES : last * HASH_BYTES])


def verify_log(
    log: Log, public_keys: Iterable[PublicKey], known: Known | None = None
) -> AuditReport:
    """Check an exported log; ArgumentError when it does not reach back to a known checkpoint."""
    known = known or Known()
    listed, segments, strange = _sort(log)
    seals, findings = _open_all(log, tuple(public_keys), listed)
    anchored = bool(seals) and seals[0].batch.batch > 1
    content = seals[1:] if anchored else seals
    chains = _expect(content, seals[0] if anchored else None)
    if strange:
        findings.append(Finding(UNKNOWN, 0, 0, Damage.INSERTED))
    whole_seals = not findings
    for key in sorted(chains.keys() | segments.keys()):
        chain = chains.get(key) or _Chain(Head(), {0: GENESIS}, bytearray())
        if whole_seals or key in chains:
            findings += _walk_chain(log, key, segments.get(key, []), chain, exact=whole_seals)
    findings += _two_days(segments)
    if not findings:
        findings += _build(content, seals[0].tree if anchored else Tree(), chains)
    if not findings and seals:
        findings += _compare(seals, known)
    return AuditReport(
        origin=seals[0].proof.checkpoint.origin if seals else "",
        size=seals[-1].proof.checkpoint.size if seals else 0,
        chains=len(chains),
        records=sum(sealed.batch.records for sealed in content),
        checkpoints=len(content),
        since=seals[0].batch.time if seals else "",
        until=seals[-1].batch.time if seals else "",
        findings=tuple(findings),
    )


def _sort(log: Log) -> tuple[dict[int, set[str]], dict[ChainKey, list[int]], bool]:
    """Sort what there is into checkpoints and segments; tell whether something is neither."""
    listed: dict[int, set[str]] = defaultdict(set)
    segments: dict[ChainKey, list[int]] = defaultdict(list)
    strange = False
    for found in log.list():
        if (parts := split_name(found.name)) is not None:
            segments[parts[0], parts[1]].append(parts[2])
        elif (numbered := split_checkpoint_name(found.name)) is not None:
            listed[numbered[0]].add(numbered[1])
        else:
            strange = True
    return listed, segments, strange


def _open_all(
    log: Log, keys: tuple[PublicKey, ...], listed: dict[int, set[str]]
) -> tuple[list[Sealed], list[Finding]]:
    """Read the checkpoints that verify, and tell of the first one that does not."""
    seals: list[Sealed] = []
    if not listed:
        return seals, [_about(1, Damage.REMOVED)]
    for number in range(min(listed), max(listed) + 1):
        if listed.get(number) != {BATCH, PROOF}:
            return seals, [_about(number, Damage.REMOVED)]
        try:
            sealed = Sealed.open(log.read(batch_name(number)), log.read(proof_name(number)), keys)
        except UnknownKeyError:
            return seals, [_about(number, Damage.FOREIGN_KEY)]
        except (IntegrityError, NotFoundError):
            return seals, [_about(number, Damage.EDITED)]
        finding = _begins(sealed, number) if not seals else _follows(seals[-1], sealed)
        if finding is not None:
            return seals, [finding]
        seals.append(sealed)
    return seals, []


def _begins(sealed: Sealed, number: int) -> Finding | None:
    """Check the first checkpoint there is; one that is not number 1 is an anchor."""
    batch = sealed.batch
    if batch.batch != number or sealed.proof.checkpoint.origin == "":
        return _about(number, Damage.REPLACED)
    if number > 1:
        return None
    fresh = batch.previous == GENESIS and all(head.start == 0 for head in batch.heads)
    if not fresh or sealed.proof.checkpoint.size != batch.records + 1:
        return _about(number, Damage.FORKED)
    return None


def _follows(before: Sealed, sealed: Sealed) -> Finding | None:
    """Check that a checkpoint takes up where the one before it ended."""
    batch, number = sealed.batch, before.batch.batch + 1
    last, now = before.proof.checkpoint, sealed.proof.checkpoint
    if batch.batch != number or now.origin != last.origin:
        return _about(number, Damage.REPLACED)
    if batch.previous != last.digest:
        return _about(number - 1, Damage.REPLACED)
    known = {head.key: head for head in before.batch.heads}
    kept = {head.key for head in batch.heads}
    goes_on = all(
        head.start == (known[head.key].count if head.key in known else 0)
        and (head.grew > 0 or (head.key in known and head.digest == known[head.key].digest))
        for head in batch.heads
    )
    forgotten = any(key not in kept and key[0] >= batch.since for key in known)
    in_time = batch.time >= before.batch.time
    if not goes_on or forgotten or not in_time or now.size != last.size + batch.records + 1:
        return _about(number, Damage.FORKED)
    return None


def _expect(content: Sequence[Sealed], anchor: Sealed | None) -> dict[ChainKey, _Chain]:
    """Collect what the batches say of each chain that they add to."""
    begun = {} if anchor is None else {head.key: head.head for head in anchor.batch.heads}
    chains: dict[ChainKey, _Chain] = {}
    for sealed in content:
        for head in sealed.batch.heads:
            if head.grew:
                start = begun.get(head.key, Head())
                chain = chains.setdefault(head.key, _Chain(start, {}, bytearray()))
                chain.sealed[head.count] = head.digest
    return chains


def _walk_chain(
    log: Log, key: ChainKey, numbers: list[int], chain: _Chain, *, exact: bool
) -> list[Finding]:
    """Find the first wrong record of a chain; ``exact``: nothing may follow what is sealed."""
    day, identifier = key

    def contents() -> Iterator[tuple[int, bytes]]:
        for number in sorted(numbers):
            try:
                yield number, log.read(segment_name(day, identifier, number))
            except NotFoundError:
                continue  # removed since it was listed: the walk notices the gap

    verdict = walk(
        identifier,
        contents(),
        sealed=chain.sealed,
        start=chain.start,
        take=lambda line: chain.leaves.extend(line.leaf),
    )
    if verdict.finding is not None:
        return [verdict.finding]
    added = verdict.head.count > chain.count or any(
        not log.read(segment_name(day, identifier, number)) for number in numbers
    )
    if exact and added:
        return [Finding(identifier, max(numbers), chain.count, Damage.INSERTED)]
    return []


def _two_days(segments: Iterable[ChainKey]) -> list[Finding]:
    """Find chains that stand under two days: a chain belongs to one, so one of them is a fork."""
    days: dict[str, int] = defaultdict(int)
    for _, chain in segments:
        days[chain] += 1
    return [Finding(chain, 0, 0, Damage.FORKED) for chain in sorted(days) if days[chain] > 1]


def _build(content: Sequence[Sealed], tree: Tree, chains: dict[ChainKey, _Chain]) -> list[Finding]:
    """Build every checkpoint's tree out of the lines and compare the roots."""
    for sealed in content:
        for head in sealed.batch.heads:
            if head.grew:
                leaves = chains[head.key].part(head.start, head.count)
                for place in range(0, len(leaves), HASH_BYTES):
                    tree.append(leaves[place : place + HASH_BYTES])
        tree.append(leaf_hash(sealed.batch.line()))
        if tree.root != sealed.proof.checkpoint.root:
            return [_about(sealed.batch.batch, Damage.FORKED)]
    return []


def _compare(seals: Sequence[Sealed], known: Known) -> list[Finding]:
    """Compare the log with what is known from elsewhere."""
    findings = _gaps(seals, known)
    if known.checkpoint is not None:
        findings += _held(seals, known.checkpoint)
    return findings


def _gaps(seals: Sequence[Sealed], known: Known) -> list[Finding]:
    times = [datetime.fromisoformat(sealed.batch.time) for sealed in seals]
    first, end = seals[0].batch.batch, seals[-1].batch.batch + 1
    if known.since is not None and first > 1 and times[0] > known.since:
        return [_about(first, Damage.GAP)]
    if known.gap is not None:
        for place in range(1, len(times)):
            if times[place] - times[place - 1] > known.gap:
                return [_about(first + place, Damage.GAP)]
    if known.until is not None and times[-1] < known.until:
        return [_about(end, Damage.GAP)]
    return []


def _held(seals: Sequence[Sealed], held: Checkpoint) -> list[Finding]:
    """Find the checkpoint that was held elsewhere among those of the log."""
    checkpoints = [sealed.proof.checkpoint for sealed in seals]
    if held.size > checkpoints[-1].size:
        return [_about(seals[-1].batch.batch + 1, Damage.ROLLED_BACK)]
    if held.size < checkpoints[0].size and seals[0].batch.batch > 1:
        raise ArgumentError("the export begins after the checkpoint that is to be compared")
    for sealed, checkpoint in zip(seals, checkpoints, strict=True):
        if checkpoint.size >= held.size:
            same = (checkpoint.origin, checkpoint.size, checkpoint.root)
            if same == (held.origin, held.size, held.root):
                return []
            return [_about(sealed.batch.batch, Damage.FORKED)]
    return []


def _about(number: int, kind: Damage) -> Finding:
    return Finding(CHECKPOINTS, 0, number, kind)
