"""``manifest verify``: what a video's manifest says, checked offline."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.support.command_line import Consentry
from tests.support.memory import MemorySigningKey

from consentry.service.manifests import VERIFICATION, VIDEO
from consentry.trust.jws import sign_document

FILM, MASKED = b"a film", b"a film without faces"


def _file(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


DOCUMENT = {
    "audit": "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
    "time": "2026-03-14T00:00:00Z",
    "tenant": "contoso",
    "software": "consentry 0",
    "input": _file(FILM),
    "output": _file(MASKED),
    "video": {"frames": 48},
    "mask": {"kind": "solid", "shape": "ellipse"},
    "tracks": [{"id": 1}, {"id": 2}],
}


def _write(folder: Path, kind: str) -> tuple[Path, Path]:
    key = MemorySigningKey()
    signed = sign_document(DOCUMENT, kind=kind, kid=key.kid, sign=key.sign).decode()
    parts = dict(zip(("protected", "payload", "signature"), signed.split("."), strict=True))
    manifest, keys = folder / "film.mp4.manifest.json", folder / "keys.json"
    manifest.write_text(json.dumps(parts))
    published = {"keys": [{**found.jwk, "kid": found.kid} for found in key.public_keys()]}
    keys.write_text(json.dumps(published))
    return manifest, keys


@pytest.fixture
def films(tmp_path: Path) -> tuple[Path, Path]:
    """A video and its redaction."""
    film, masked = tmp_path / "film.mp4", tmp_path / "masked.mp4"
    film.write_bytes(FILM)
    masked.write_bytes(MASKED)
    return film, masked


def test_a_videos_manifest_describes_its_input_and_output(
    consentry: Consentry, tmp_path: Path, films: tuple[Path, Path]
) -> None:
    film, masked = films
    manifest, keys = _write(tmp_path, VIDEO)
    words = ("manifest", "verify", manifest, "--public-key", keys)
    told = consentry(*words, "--original", film, "--output", masked)
    assert (told.code, "2 tracks in 48 frames" in told.out) == (0, True)
    assert consentry(*words, "--original", masked).code == 1
    assert consentry(*words, "--output", film).code == 1


def test_a_document_of_another_kind_is_no_manifest(consentry: Consentry, tmp_path: Path) -> None:
    manifest, keys = _write(tmp_path, VERIFICATION)
    told = consentry("manifest", "verify", manifest, "--public-key", keys, "--json")
    assert (told.code, told.document["error"]["code"]) == (1, "IntegrityFailure")
