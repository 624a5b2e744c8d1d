"""Verification of a whole audit log, offline or in place: every chain and every checkpoint.

Checkpoints are read first and the chains after them, so that a log which grows meanwhile is
never accused of having lost what a checkpoint states.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from consentry.errors import IntegrityError, NotFoundError
from consentry.stored import PublicKey
from consentry.trust.chain import GENESIS, segment_name, split_name
from consentry.trust.checkpoints import (
    FOLDER,
    Checkpoint,
    checkpoint_digest,
    checkpoint_name,
    open_checkpoint,
)
from consentry.trust.damage import ChainVerdict, Damage, Finding, walk

CHECKPOINTS: Final = "checkpoints"  # stands for a chain's id in a finding about checkpoints
UNKNOWN: Final = "unknown"  # stands for it where a thing is no part of any chain


class Named(Protocol):
    """Something in a log, as a listing gives it."""

    @property
    def name(self) -> str:
        """Its name, with ``/`` between the parts."""


class Log(Protocol):
    """An audit log that can be read: in its account, or a copy in a folder."""

    def list(self, prefix: str = "") -> Iterator[Named]:
        """What the log holds, in order of name."""

    def read(self, name: str) -> bytes:
        """Content of one part; NotFoundError where there is none."""


@dataclass(frozen=True)
class AuditReport:
    """What was checked, and the first bad record of each chain that has one.

    ``sealed`` of ``records`` are covered by checkpoints: of the others only the chain speaks,
    and a chain cannot tell that its end was cut off.
    """

    chains: int
    records: int
    sealed: int
    checkpoints: int
    signatures_checked: bool
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify_log(log: Log, public_keys: Iterable[PublicKey] | None = None) -> AuditReport:
    """Check a log; without ``public_keys`` the checkpoints' signatures are taken on trust."""
    keys = None if public_keys is None else tuple(public_keys)
    checkpoints, findings = _checkpoints(log, keys)
    sealed: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for checkpoint in checkpoints:
        for head in checkpoint.heads:
            # A second statement about the same count must not hide behind the first one.
            known = sealed[head.day, head.chain].setdefault(head.count, head.digest)
            if known != head.digest:
                findings.append(_about_checkpoint(checkpoint.number, Damage.EDITED))
    segments, strange = _segments(log)
    if strange:
        findings.append(Finding(UNKNOWN, 0, 0, Damage.INSERTED))
    records = covered = 0
    for key in sorted(segments.keys() | sealed.keys()):
        verdict = _walk_chain(log, key, segments.get(key, []), sealed.get(key, {}))
        records += verdict.head.count
        covered += min(verdict.head.count, max(sealed.get(key, {}), default=0))
        if verdict.finding is not None:
            findings.append(verdict.finding)
    return AuditReport(
        chains=len(segments),
        records=records,
        sealed=covered,
        checkpoints=len(checkpoints),
        signatures_checked=keys is not None,
        findings=tuple(findings),
    )


def _checkpoints(
    log: Log, keys: tuple[PublicKey, ...] | None
) -> tuple[list[Checkpoint], list[Finding]]:
    """Read the checkpoints that verify, and tell of the first one that does not."""
    names = [found.name for found in log.list(FOLDER)]
    good: list[Checkpoint] = []
    previous = GENESIS
    for number, name in enumerate(names, start=1):
        if name != checkpoint_name(number):
            return good, [_about_checkpoint(number, Damage.REMOVED)]
        signed = log.read(name)
        try:
            checkpoint = open_checkpoint(signed, keys)
        except IntegrityError:
            return good, [_about_checkpoint(number, Damage.EDITED)]
        if checkpoint.number != number or checkpoint.previous != previous:
            return good, [_about_checkpoint(max(number - 1, 1), Damage.EDITED)]
        good.append(checkpoint)
        previous = checkpoint_digest(signed)
    return good, []


def _about_checkpoint(number: int, kind: Damage) -> Finding:
    return Finding(CHECKPOINTS, 0, number, kind)


def _segments(log: Log) -> tuple[dict[tuple[str, str], list[int]], bool]:
    """Group segment numbers by day and chain; tell whether something is no part of a log."""
    segments: dict[tuple[str, str], list[int]] = defaultdict(list)
    strange = False
    for found in log.list():
        parts = split_name(found.name)
        if parts is not None:
            segments[parts[0], parts[1]].append(parts[2])
        elif not found.name.startswith(FOLDER):
            strange = True
    return segments, strange


def _walk_chain(
    log: Log, key: tuple[str, str], numbers: list[int], sealed: dict[int, str]
) -> ChainVerdict:
    day, chain = key

    def contents() -> Iterator[tuple[int, bytes]]:
        for number in sorted(numbers):
            try:
                yield number, log.read(segment_name(day, chain, number))
            except NotFoundError:
                continue  # removed since it was listed: the walk notices the gap

    return walk(chain, contents(), sealed=sealed)
