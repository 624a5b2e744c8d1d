"""A real audit log in memory, sealed, for tests that damage it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tests.support.memory import Clock, MemoryAppends, MemorySigningKey

from consentry.service.audit import AuditLog
from consentry.service.audit_copy import export_log
from consentry.service.checkpoint_store import Checkpoints
from consentry.service.sealing import Sealer
from consentry.trust.chain import NEWLINE
from consentry.trust.checkpoints import PROOF, Sealed
from consentry.trust.damage import Damage, Finding
from consentry.trust.records import AuditRecord
from consentry.trust.verification import AuditReport, Known, verify_log

ORIGIN = "log.example/audit"


def audit_record(number: int, **more: object) -> AuditRecord:
    """Make a record that differs from the others by its ids."""
    fields: dict[str, object] = {
        "id": str(UUID(int=number)),
        "time": Clock().now,
        "tenant": "contoso",
        "principal": "caller:a1b2c3d4e5f6",
        "operation": "detect",
        "trigger": "http",
        "request_id": str(UUID(int=number)),
        "allowed": True,
        "reason": "approved",
        "outcome": "ok",
        "latency_ms": 12,
    }
    return AuditRecord(**{**fields, **more})  # type: ignore[arg-type]


class LogFiles:
    """What tests do with the files of a log: of the log itself, or of an export."""

    store: MemoryAppends
    key: MemorySigningKey

    @property
    def segments(self) -> list[str]:
        """Names of the segments, in order."""
        return [part.name for part in self.store.list() if part.name.endswith(".jsonl")]

    @property
    def checkpoints(self) -> list[str]:
        """Names of the checkpoints, in order."""
        return [part.name for part in self.store.list() if part.name.endswith(PROOF)]

    def lines(self, segment: int) -> list[bytes]:
        """Lines of a segment, without newlines."""
        return self.store.read(self.segments[segment]).splitlines()

    def set_lines(self, segment: int, lines: list[bytes]) -> None:
        """Write the segment anew."""
        self.store.tamper(self.segments[segment], b"".join(line + NEWLINE for line in lines))

    def sealed(self, number: int) -> Sealed:
        """Open a checkpoint."""
        return Checkpoints(self.store).open(number, self.key.public_keys())


@dataclass
class ExportedLog(LogFiles):
    """An export, to be damaged."""

    store: MemoryAppends
    key: MemorySigningKey

    def report(self, known: Known | None = None) -> AuditReport:
        """Verify it."""
        return verify_log(self.store, self.key.public_keys(), known)

    def copy(self) -> "ExportedLog":
        """Give another one with the same content."""
        return ExportedLog(self.store.copy(), self.key)


@dataclass
class SealedLog(LogFiles):
    """One chain of ``records`` records in segments of four, sealed in the middle and at the end."""

    records: int = 12
    store: MemoryAppends = field(default_factory=MemoryAppends)
    key: MemorySigningKey = field(default_factory=MemorySigningKey)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.sealer = Sealer(self.store, self.key, ORIGIN)
        self.log = AuditLog(self.store, self.clock, segment_blocks=4)
        for number in range(self.records):
            self.log.append(audit_record(number))
            if number == self.records // 2:
                self.seal()
        self.seal()

    def seal(self) -> int:
        """Seal at the clock's time."""
        return self.sealer.seal(self.clock())

    def export(self, since: datetime | None = None, until: datetime | None = None) -> ExportedLog:
        """Export what is sealed."""
        exported = MemoryAppends()
        export_log(self.store, exported.put, since=since, until=until)
        return ExportedLog(exported, self.key)

    def report(self) -> AuditReport:
        """Export all and verify that."""
        return self.export().report()


def the_finding(log: ExportedLog) -> Finding:
    """Verify a log of one chain in which one thing is wrong, and give that."""
    report = log.report()
    assert not report.whole
    (finding,) = report.findings
    assert finding.chain == log.segments[0].split("/")[1]
    return finding


def found(log: ExportedLog) -> tuple[int, int, Damage]:
    """Say where in the chain that is, and what."""
    finding = the_finding(log)
    return finding.segment, finding.sequence, finding.kind
