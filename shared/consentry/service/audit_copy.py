"""A copy of the audit log in a folder: made from the account, verified offline."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consentry.errors import NotFoundError
from consentry.service.ports import AppendStore
from consentry.trust.chain import split_name
from consentry.trust.checkpoints import FOLDER


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


def fetch_log(store: AppendStore, folder: Path) -> int:
    """Download the log into ``folder`` and give the number of its parts.

    Checkpoints come first, so that what they state is in the copy. A name that no part of a
    log has is not followed: it could lead out of the folder.
    """
    names = [found.name for found in (*store.list(FOLDER), *store.list()) if _is_part(found.name)]
    for name in dict.fromkeys(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read(name))
    return len(set(names))


def _is_part(name: str) -> bool:
    if split_name(name) is not None:
        return True
    stem = name.removeprefix(FOLDER)
    return stem != name and "/" not in stem and stem.removesuffix(".jws").isdigit()
