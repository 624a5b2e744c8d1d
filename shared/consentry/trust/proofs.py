"""Proofs for whoever cannot see the log: that a record is in it, and that it only ever grew.

Both are JSON documents that can be kept and checked offline with the public keys alone.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from consentry.errors import IntegrityError
from consentry.stored import PublicKey
from consentry.trust.chain import parse
from consentry.trust.checkpoints import Checkpoint, InclusionProof
from consentry.trust.merkle import extends
from consentry.trust.notes import from_base64

RECORD_KIND: Final = "consentry-record-proof"
CONSISTENCY_KIND: Final = "consentry-consistency-proof"


@dataclass(frozen=True)
class RecordProof:
    """That a line of the log is a leaf of a signed tree."""

    line: bytes
    proof: InclusionProof

    @property
    def record(self) -> Mapping[str, Any]:
        """What the record says."""
        record: Mapping[str, Any] = json.loads(self.line)["record"]
        return record

    def document(self) -> dict[str, str]:
        """Give the proof as it is handed out: the line, and a C2SP tlog-proof of it."""
        proof = self.proof.file().decode()
        return {"kind": RECORD_KIND, "line": self.line.decode(), "proof": proof}

    @classmethod
    def open(cls, document: Mapping[str, Any], public_keys: Iterable[PublicKey]) -> Self:
        """Read a proof and check it; IntegrityError unless it proves what it says."""
        line, file = _texts(document, RECORD_KIND, "line", "proof")
        proof = InclusionProof.open(file.encode(), public_keys)
        if parse(line.encode()) is None or not proof.covers(line.encode()):
            raise IntegrityError("the record is not in the tree that the checkpoint seals")
        return cls(line.encode(), proof)


@dataclass(frozen=True)
class ConsistencyProof:
    """That the tree of a signed checkpoint begins with an older tree of ``size`` and ``root``."""

    size: int
    root: bytes
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def holds(self) -> bool:
        """Whether the path leads from the one root to the other."""
        new = self.checkpoint
        return extends(self.size, self.root, new.size, new.root, self.path)

    def document(self) -> dict[str, str | int | list[str]]:
        """Give the proof as it is handed out."""
        return {
            "kind": CONSISTENCY_KIND,
            "size": self.size,
            "root": base64.b64encode(self.root).decode(),
            "path": [base64.b64encode(step).decode() for step in self.path],
            "checkpoint": self.checkpoint.note.decode(),
        }

    @classmethod
    def open(cls, document: Mapping[str, Any], public_keys: Iterable[PublicKey]) -> Self:
        """Read a proof and check it; IntegrityError unless it proves what it says."""
        root, note = _texts(document, CONSISTENCY_KIND, "root", "checkpoint")
        size, steps = document.get("size"), document.get("path")
        if type(size) is not int or not isinstance(steps, list):
            raise IntegrityError("the proof is not of its form")
        path = tuple(from_base64(str(step)) for step in steps)
        proof = cls(size, from_base64(root), path, Checkpoint.open(note.encode(), public_keys))
        if not proof.holds:
            raise IntegrityError("the newer tree does not begin with the older one")
        return proof


def _texts(document: Mapping[str, Any], kind: str, *names: str) -> tuple[str, str]:
    first, second = (document.get(name) for name in names)
    if document.get("kind") != kind or not isinstance(first, str) or not isinstance(second, str):
        raise IntegrityError("the proof is not of its form")
    return first, second
