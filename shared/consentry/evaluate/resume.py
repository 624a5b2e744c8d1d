"""Lets a measurement that was interrupted go on: what it had made of each picture, sealed.

Templates are personal data, so nothing is written in the clear, and the file dies with the run:
it is deleted when the measurement is done. Records are sealed with AES-256-GCM under the key of a
file that whoever measures keeps elsewhere, each bound to its place and to all that results depend
on, so that none can be moved, left out before another, or taken for another measurement's. What a
kill left half-written at the end is made again.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consentry.errors import ArgumentError
from consentry.evaluate.track import Track

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LENGTH_BYTES: Final = 4


class Resume:
    """Results by picture, in a file that is deleted unless the ``with`` block fails.

    ``about`` says on what the results depend. Raises ArgumentError for a file of another key or
    measurement.
    """

    def __init__(self, path: Path, key: bytes, about: str) -> None:
        self._path = path
        self._cipher = AESGCM(key)
        self._about = hashlib.sha256(about.encode()).digest()
        self._records = 0
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._file = _open_private(self._path)
        try:
            self.known = self._read()
        except ArgumentError:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None:
            self._path.unlink()

    def keep(self, picture: str, result: object) -> None:
        """Append what was made of a picture, as JSON."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps([picture, result]).encode()
        sealed = nonce + self._cipher.encrypt(nonce, plain, self._place())
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES) + sealed)
        self._file.flush()
        self._records += 1

    def _read(self) -> dict[str, Any]:
        """Read all whole records, and cut off what follows them."""
        found, end = {}, 0
        while (record := self._next()) is not None:
            try:
                plain = self._cipher.decrypt(
                    record[:_NONCE_BYTES], record[_NONCE_BYTES:], self._place()
                )
            except InvalidTag:
                raise ArgumentError(
                    "the file to resume from is of another measurement or key; "
                    "delete it to begin anew"
                ) from None
            picture, result = json.loads(plain)
            found[picture] = result
            self._records += 1
            end = self._file.tell()
        self._file.seek(end)
        self._file.truncate()
        return found

    def _next(self) -> bytes | None:
        length = self._file.read(_LENGTH_BYTES)
        size = int.from_bytes(length)
        record = self._file.read(size) if size <= _left(self._file) else b""
        return record if len(record) == size > _NONCE_BYTES else None

    def _place(self) -> bytes:
        return self._about + self._records.to_bytes(8)


def resume_key(path: Path) -> bytes:
    """Read the key of a file, or make one for its owner alone; ArgumentError if it is none."""
    with _open_private(path) as file:
        key = file.read(_KEY_BYTES + 1)
        if not key:
            key = secrets.token_bytes(_KEY_BYTES)
            file.write(key)
    if len(key) != _KEY_BYTES:
        raise ArgumentError(f"a key to resume with is a file of {_KEY_BYTES} bytes")
    return key


def results[T](
    pictures: Sequence[str],
    make: Callable[[Sequence[str]], Iterable[T]],
    track: Track,
    resume: Resume | None,
    pack: Callable[[T], object],
    unpack: Callable[[Any], T],
) -> list[T]:
    """Make what is not known yet of pictures, in their order; ``pack`` turns a result into JSON."""
    known = resume.known if resume else {}
    made = iter(make([picture for picture in pictures if picture not in known]))
    found = []
    for picture in track(pictures):
        if picture in known:
            found.append(unpack(known[picture]))
            continue
        result = next(made)
        if resume is not None:
            resume.keep(picture, pack(result))
        found.append(result)
    return found


def _open_private(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError:
        raise ArgumentError("the file to resume from, or its key, cannot be opened") from None


def _left(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size - file.tell()
