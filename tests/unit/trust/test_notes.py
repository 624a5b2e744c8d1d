"""Signed notes and checkpoints: their form, their keys, and what is not one."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.support.memory import MemorySigningKey

from consentry.errors import IntegrityError
from consentry.stored import PublicKey
from consentry.trust.checkpoints import Batch, Checkpoint, InclusionProof
from consentry.trust.merkle import Tree, leaf_hash
from consentry.trust.notes import UnknownKeyError, open_note, sign_note, verifier_key

NAME = "log.example/audit"
TEXT = "one line\nand another\n"


@pytest.fixture
def key() -> MemorySigningKey:
    return MemorySigningKey()


def signed(key: MemorySigningKey, text: str = TEXT) -> bytes:
    return sign_note(text, name=NAME, key=key.public_keys()[0], sign=key.sign)


def test_a_note_verifies_with_nothing_but_what_the_format_says(key: MemorySigningKey) -> None:
    """Read by hand: em dash, name, and base64 of key id and DER signature over the text."""
    text, _, line = signed(key).decode().partition("\n\n")
    dash, name, data = line.removesuffix("\n").split(" ")
    raw = base64.b64decode(data)
    told, told_id, encoded = verifier_key(NAME, key.public_keys()[0]).split("+", 2)
    public = base64.b64decode(encoded)
    assert (dash, name, told) == ("\u2014", NAME, NAME)
    assert public[:1] == b"\x02"
    assert raw[:4] == hashlib.sha256(public[1:]).digest()[:4] == bytes.fromhex(told_id)
    loaded = load_der_public_key(public[1:])
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    loaded.verify(raw[4:], (text + "\n").encode(), ec.ECDSA(SHA256()))


def test_a_note_is_opened_by_the_key_that_signed_it_whichever_version(
    key: MemorySigningKey,
) -> None:
    note = signed(key)
    key.rotate()
    assert open_note(note, name=NAME, public_keys=key.public_keys()) == TEXT


def test_a_line_of_somebody_else_counts_nothing(key: MemorySigningKey) -> None:
    other = MemorySigningKey()
    line = signed(other).partition(b"\n\n")[2]
    both = signed(key) + line
    assert open_note(both, name=NAME, public_keys=key.public_keys()) == TEXT
    with pytest.raises(UnknownKeyError):
        open_note(signed(other), name=NAME, public_keys=key.public_keys())


def test_another_name_is_another_key(key: MemorySigningKey) -> None:
    with pytest.raises(UnknownKeyError):
        open_note(signed(key), name="other.example", public_keys=key.public_keys())


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace(b"another", b"Another"),
        lambda note: note[:-1],
        lambda note: note + b"\n",
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace(b"one", b"\x01ne"),
        lambda note: note.replace(b"one", b"\xffne"),
        lambda note: note.replace(b"\xe2\x80\x94 ", b"- "),
        lambda note: note.partition(b"\n\n")[0] + b"\n\n",
        lambda note: note + note.partition(b"\n\n")[2] * 16,
        lambda note: b"x" * 100_000 + note,
    ],
)
def test_what_is_not_the_note_that_was_signed_is_refused(
    key: MemorySigningKey, change: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(IntegrityError):
        open_note(change(signed(key)), name=NAME, public_keys=key.public_keys())


@pytest.mark.parametrize(
    "jwk", [{}, {"x": "AA", "y": "AA", "crv": "P-256"}, {"x": "AA", "y": "AA", "crv": "P-384"}]
)
def test_a_key_that_is_none_is_refused(key: MemorySigningKey, jwk: dict[str, str]) -> None:
    with pytest.raises(IntegrityError):
        open_note(signed(key), name=NAME, public_keys=[PublicKey("kid", jwk)])


def test_a_checkpoint_is_origin_size_and_root(key: MemorySigningKey) -> None:
    tree = Tree()
    tree.append(leaf_hash(b"leaf"))
    made = Checkpoint.sign(NAME, tree, key=key.public_keys()[0], sign=key.sign)
    root = base64.b64encode(leaf_hash(b"leaf")).decode()
    assert made.note.decode().startswith(f"{NAME}\n1\n{root}\n\n\u2014 {NAME} ")
    assert Checkpoint.open(made.note, key.public_keys()) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x\n",
        "x\n1\n",
        "x\n01\nAA==\n",
        "x\n-1\nAA==\n",
        "x\n1\nAA==\n",
        "\n1\nAA==\n",
        "x\n1\nA\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(key: MemorySigningKey, text: str) -> None:
    with pytest.raises(IntegrityError):
        Checkpoint.open(signed(key, text), key.public_keys())


@pytest.mark.parametrize(
    "top",
    [b"", b"c2sp.org/tlog-proof@v1", b"c2sp.org/tlog-proof@v2\nindex 0", b"\xff\nindex 0"]
    + [b"c2sp.org/tlog-proof@v1\n" + index for index in (b"0", b"index -1", b"index 01")],
)
def test_a_file_that_is_no_proof_is_refused(key: MemorySigningKey, top: bytes) -> None:
    tree = Tree()
    tree.append(leaf_hash(b"leaf"))
    made = Checkpoint.sign(NAME, tree, key=key.public_keys()[0], sign=key.sign)
    assert InclusionProof.open(InclusionProof(0, (), made).file(), key.public_keys()).index == 0
    with pytest.raises(IntegrityError):
        InclusionProof.open(top + b"\n\n" + made.note, key.public_keys())


@pytest.mark.parametrize("line", [b"", b"{}", b"\xff", b'{"batch": 1}', b"[" * 100_000])
def test_a_statement_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(IntegrityError):
        Batch.read(line)
