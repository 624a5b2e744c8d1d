"""The hash chain of the audit log.

A chain is a sequence of lines. Each line is canonical JSON (keys sorted, no spaces, ASCII) of
one object: ``chain`` (the chain's id), ``seq`` (0, 1, 2 …), ``prev`` (SHA-256 of the previous
line without its newline, in hexadecimal; zeros for the first) and ``record``. So whoever
changes, removes, inserts or reorders a line breaks the ``prev`` of a later one, and whoever
cuts the end off contradicts a signed checkpoint (``consentry.trust.checkpoints``).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consentry.trust.merkle import leaf_hash

GENESIS: Final = "0" * 64
NEWLINE: Final = b"\n"

_CHAIN: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})/(?P<chain>[0-9a-f]{32})/(?P<segment>[0-9]{6})\.jsonl"
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def canonical(document: Mapping[str, object]) -> bytes:
    """Write JSON in the one form that is hashed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(line: bytes) -> str:
    """SHA-256 of a line without its newline, in hexadecimal."""
    return hashlib.sha256(line).hexdigest()


@dataclass(frozen=True)
class Head:
    """Where a chain ends: ``count`` lines so far, and the digest of the last one."""

    count: int = 0
    digest: str = GENESIS


@dataclass(frozen=True, repr=False)
class Line:
    """A line that is well-formed by itself; whether it fits its neighbours is not known.

    ``leaf`` is its hash as a leaf of the Merkle tree.
    """

    chain: str
    seq: int
    prev: str
    digest: str
    leaf: bytes

    def follows(self, head: Head) -> bool:
        """Tell whether this is the line that comes next after ``head``."""
        return self.seq == head.count and self.prev == head.digest

    def head(self) -> Head:
        """Give the head of a chain that ends with this line."""
        return Head(self.seq + 1, self.digest)


def extend(chain: str, head: Head, record: Mapping[str, object]) -> tuple[bytes, Head]:
    """Make the next line of a chain, without a newline, and the head after it."""
    line = canonical({"chain": chain, "seq": head.count, "prev": head.digest, "record": record})
    return line, Head(head.count + 1, digest(line))


def parse(line: bytes) -> Line | None:
    """Read a line; None unless it is exactly of the canonical form."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.keys() != {"chain", "seq", "prev", "record"}:
        return None
    chain, seq, prev = document["chain"], document["seq"], document["prev"]
    well_formed = (
        isinstance(chain, str)
        and _CHAIN.fullmatch(chain)
        and type(seq) is int
        and seq >= 0
        and isinstance(prev, str)
        and _DIGEST.fullmatch(prev)
        and isinstance(document["record"], dict)
    )
    if not well_formed or not _is_canonical(line, document):
        return None
    return Line(chain, seq, prev, digest(line), leaf_hash(line))


def _is_canonical(line: bytes, document: dict[str, object]) -> bool:
    try:
        return canonical(document) == line
    except (ValueError, RecursionError):
        return False


def segment_name(day: str, chain: str, segment: int) -> str:
    """Name the blob of one segment of a chain that began on ``day``."""
    return f"{day}/{chain}/{segment:06}.jsonl"


def split_name(name: str) -> tuple[str, str, int] | None:
    """Give day, chain and segment of a name, or None if it is no segment's."""
    match = _NAME.fullmatch(name)
    return None if match is None else (match["day"], match["chain"], int(match["segment"]))
