"""The audit log in a folder: exported from the account, verified offline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from consentry.errors import IntegrityError, NotFoundError
from consentry.service.checkpoint_store import Checkpoints
from consentry.service.ports import AppendStore
from consentry.trust.chain import segment_name
from consentry.trust.checkpoints import Batch, batch_name, proof_name

Write = Callable[[str, bytes], None]
_Place = tuple[int, int]  # segment, and bytes of it
_BEGINNING = (0, 0)

BEGINNING_TOO: Final = 2
"""The first checkpoint is never the one that others build on: it is exported as a whole."""


@dataclass(frozen=True)
class Part:
    """A file of the copy, by its name in the log."""

    name: str


@dataclass(frozen=True)
class LogCopy:
    """Reads a folder as a log."""

    folder: Path

    def list(self, prefix: str = "") -> Iterator[Part]:
        """What the copy holds, in order of name."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        names = sorted(path.relative_to(self.folder).as_posix() for path in files)
        return (Part(name) for name in names if name.startswith(prefix))

    def read(self, name: str) -> bytes:
        """Content of one file; NotFoundError where there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise NotFoundError("there is no such part of the log") from None

    def write(self, name: str, data: bytes) -> None:
        """Write one file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def export_log(
    store: AppendStore,
    write: Write,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Copy all that was sealed, or the checkpoints that cover a period; give their number.

    A chain's part begins and ends where the batches say. Before the first checkpoint of a
    period, the one before it is copied too: the others build on it. What is missing or spoilt
    is copied as it is, for the verifier to find.
    """
    checkpoints = Checkpoints(store)
    last = checkpoints.last_number()
    first = checkpoints.first_since(since, last) if since is not None else 1
    end = min(checkpoints.first_since(until, last), last) if until is not None else last
    first = min(first, end)
    if first == BEGINNING_TOO:
        first = 1
    known: dict[tuple[str, str], _Place] = {}
    parts: dict[tuple[str, str], tuple[_Place, _Place]] = {}
    for number in range(max(first - 1, 1), end + 1):
        batch = _copy_checkpoint(store, write, number)
        for head in () if batch is None else batch.heads:
            if number >= first and head.grew:
                begin = parts[head.key][0] if head.key in parts else known.get(head.key, _BEGINNING)
                parts[head.key] = begin, (head.segment, head.size)
            known[head.key] = head.segment, head.size
    for (day, chain), ((segment, skipped), (end_segment, size)) in parts.items():
        for each in range(segment, end_segment + 1):
            start = skipped if each == segment else 0
            until_byte = size - start if each == end_segment else None
            _copy_segment(store, write, segment_name(day, chain, each), start, until_byte)
    return max(end - first + 1, 0)


def _copy_checkpoint(store: AppendStore, write: Write, number: int) -> Batch | None:
    for name in (batch_name(number), proof_name(number)):
        try:
            write(name, store.read(name))
        except NotFoundError:
            return None
    try:
        return Checkpoints(store).batch(number)
    except IntegrityError:
        return None


def _copy_segment(
    store: AppendStore, write: Write, name: str, start: int, length: int | None
) -> None:
    try:
        data = store.read(name, start=start)[:length]
    except NotFoundError:
        return
    if data:
        write(name, data)
