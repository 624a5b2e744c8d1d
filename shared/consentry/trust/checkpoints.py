"""Checkpoints: signed statements of what the audit log held at a moment (C2SP tlog-checkpoint).

A seal takes what the chains have gained since the last one as a *batch*. The order of the leaves
is that of the batches; within a batch, its chains come by day and id, each chain's new lines in
their order, and last the batch's own statement. So the tree of a checkpoint holds every
record of the log, in one order, and what the batch states is sealed with it:

- ``checkpoints/{number}.batch.json``: the statement, canonical JSON: number, time, SHA-256 of the
  checkpoint before it, and of each chain that may still grow where it stood and where it stands.
- ``checkpoints/{number}.tlog-proof``: the proof (C2SP tlog-proof) that this statement is the last
  leaf of the tree, with the checkpoint: a signed note of origin, tree size and root.

A line of a chain is a leaf as it stands, without its newline.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consentry.errors import IntegrityError
from consentry.stored import PublicKey
from consentry.trust.chain import GENESIS, Head, canonical
from consentry.trust.merkle import HASH_BYTES, Tree, includes, leaf_hash
from consentry.trust.notes import from_base64, note_text, open_note, sign_note

FOLDER: Final = "checkpoints/"
BATCH: Final = ".batch.json"
PROOF: Final = ".tlog-proof"
PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"

_NAME: Final = re.compile(rf"{FOLDER}(?P<number>[0-9]{{8}})(?P<kind>{BATCH}|{PROOF})")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_CHECKPOINT_LINES: Final = 3
_NOTE_LINES: Final = 5  # of a checkpoint as the log signs it: with a blank line and one signature

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Time = Annotated[str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3}Z$")]
Count = Annotated[int, Field(ge=0, le=2**53)]


class SealedHead(BaseModel):
    """Where one chain stands: after ``count`` lines, at ``size`` bytes of segment ``segment``.

    ``start`` is the number of lines that earlier batches have sealed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    day: Day
    chain: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    segment: Count
    size: Count
    start: Count
    count: Count
    digest: Digest

    @property
    def key(self) -> tuple[str, str]:
        """What names the chain."""
        return self.day, self.chain

    @property
    def head(self) -> Head:
        """The chain's head at that moment."""
        return Head(self.count, self.digest)

    @property
    def grew(self) -> int:
        """Number of lines that the batch adds."""
        return self.count - self.start


class Batch(BaseModel):
    """What one seal adds; ``heads`` are the chains of ``since`` and later, and what else grew."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    batch: Annotated[int, Field(ge=1)]
    time: Time
    since: Day
    previous: Digest = GENESIS
    heads: list[SealedHead]

    @property
    def records(self) -> int:
        """Number of records that the batch adds."""
        return sum(head.grew for head in self.heads)

    def line(self) -> bytes:
        """Give the statement as it is stored and as it is a leaf."""
        return canonical(self.model_dump())

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read a statement; IntegrityError unless it is exactly of the one form."""
        try:
            batch = cls.model_validate_json(line)
        except ValidationError:
            raise IntegrityError("a batch's statement cannot be read") from None
        keys = [head.key for head in batch.heads]
        ordered = keys == sorted(set(keys)) and all(head.grew >= 0 for head in batch.heads)
        if not ordered or batch.line() != line:
            raise IntegrityError("a batch's statement is not of its form")
        return batch


@dataclass(frozen=True)
class Checkpoint:
    """Origin, number of leaves and root of a tree; ``note`` is the signed statement itself."""

    origin: str
    size: int
    root: bytes
    note: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the signed statement, by which the next batch names it."""
        return hashlib.sha256(self.note).hexdigest()

    @classmethod
    def sign(
        cls, origin: str, tree: Tree, *, key: PublicKey, sign: Callable[[bytes], bytes]
    ) -> Self:
        """Sign the tree as it stands."""
        text = f"{origin}\n{tree.size}\n{_base64(tree.root)}\n"
        note = sign_note(text, name=origin, key=key, sign=sign)
        return cls(origin, tree.size, tree.root, note)

    @classmethod
    def open(cls, note: bytes, public_keys: Iterable[PublicKey]) -> Self:
        """Read a checkpoint and verify its signature; IntegrityError for anything else.

        Further signatures, such as witnesses', and extension lines are not looked at.
        """
        lines = note_text(note).split("\n")
        if len(lines) <= _CHECKPOINT_LINES or not lines[0] or not _NUMBER.fullmatch(lines[1]):
            raise IntegrityError("a checkpoint is not of its form")
        root = from_base64(lines[2])
        if len(root) != HASH_BYTES:
            raise IntegrityError("a checkpoint's root is not a SHA-256")
        open_note(note, name=lines[0], public_keys=public_keys)
        return cls(lines[0], int(lines[1]), root, note)


@dataclass(frozen=True)
class InclusionProof:
    """That some leaf is number ``index`` of the checkpoint's tree."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def covers(self, leaf: bytes) -> bool:
        """Check that it is this leaf."""
        checkpoint = self.checkpoint
        return includes(checkpoint.root, checkpoint.size, self.index, leaf_hash(leaf), self.path)

    def file(self) -> bytes:
        """Write the proof as a file that can be checked offline."""
        lines = [PROOF_HEADER, f"index {self.index}", *map(_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint.note

    @classmethod
    def open(cls, file: bytes, public_keys: Iterable[PublicKey]) -> Self:
        """Read a file of this form; which leaf it is for is the reader's to check."""
        top, _, note = file.partition(b"\n\n")
        try:
            header, index, *path = top.decode().split("\n")
        except ValueError:
            raise IntegrityError("a proof is not of its form") from None
        number = index.removeprefix("index ")
        if header != PROOF_HEADER or number == index or not _NUMBER.fullmatch(number):
            raise IntegrityError("a proof is not of its form")
        checkpoint = Checkpoint.open(note, public_keys)
        return cls(int(number), tuple(map(from_base64, path)), checkpoint)


@dataclass(frozen=True)
class Sealed:
    """A batch with the proof that it ends its checkpoint's tree."""

    batch: Batch
    proof: InclusionProof

    @property
    def tree(self) -> Tree:
        """The tree of the checkpoint, ready to grow."""
        edge = tuple(reversed(self.proof.path))
        tree = Tree(self.proof.index, edge)
        tree.append(leaf_hash(self.batch.line()))
        return tree

    @classmethod
    def open(cls, line: bytes, file: bytes, public_keys: Sequence[PublicKey]) -> Self:
        """Read both files; IntegrityError unless they belong together and verify."""
        proof = InclusionProof.open(file, public_keys)
        batch = Batch.read(line)
        if proof.file() != file or proof.index != proof.checkpoint.size - 1:
            raise IntegrityError("a checkpoint's proof is not of its form")
        if proof.checkpoint.note.count(b"\n") != _NOTE_LINES or not proof.covers(line):
            raise IntegrityError("a batch's statement is not what the checkpoint seals")
        return cls(batch, proof)


def batch_name(number: int) -> str:
    """Name the statement of a batch."""
    return f"{FOLDER}{number:08}{BATCH}"


def proof_name(number: int) -> str:
    """Name the proof and checkpoint of a batch."""
    return f"{FOLDER}{number:08}{PROOF}"


def split_checkpoint_name(name: str) -> tuple[int, str] | None:
    """Give number and kind of a name, or None if it is no checkpoint's."""
    match = _NAME.fullmatch(name)
    return None if match is None else (int(match["number"]), match["kind"])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
