"""Keys in files: made once, for their owner alone, and refused when they are damaged."""

import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from joserfc.jwk import ECKey

from consentry.azure.credentials import EMULATOR_ACCOUNT, identity, storage_credential
from consentry.azure.keyfiles import signing_key, wrapping_key
from consentry.azure.names import KeyName
from consentry.errors import IntegrityError


def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "keys"
    signing_key(folder)
    wrapping_key(folder)
    files = list(folder.iterdir())
    assert [file.name for file in sorted(files)] == [
        "consentry-signing.jwk.json",
        "consentry-wrapping.jwk.json",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_outlives_its_process(tmp_path: Path) -> None:
    assert signing_key(tmp_path).public_keys() == signing_key(tmp_path).public_keys()
    kid, wrapped = wrapping_key(tmp_path).wrap(bytes(32))
    assert wrapping_key(tmp_path).unwrap(kid, wrapped) == bytes(32)


def test_decisions_are_signed_by_a_key_of_their_own(tmp_path: Path) -> None:
    kids = {signing_key(tmp_path, name).kid for name in (KeyName.SIGNING, KeyName.DECISIONS)}
    assert len(kids) == 2


def test_processes_that_begin_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        kids = set(pool.map(lambda _: signing_key(tmp_path).kid, range(8)))
    assert len(kids) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"kid": "x"}',
        b'{"kid": "x", "kty": "oct", "k": "AAAA"}',
        b'{"kid": "x", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}',
        b'{"kid": "x", "kty": "EC", "crv": "P-256", "x": 1, "y": "AA"}',
        json.dumps(ECKey.generate_key("P-256").as_dict(private=False)).encode(),
    ],
    ids=range(9),
)
def test_a_damaged_key_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "consentry-signing.jwk.json"
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        signing_key(tmp_path)
    assert path.read_bytes() == content


def test_an_emulator_gets_the_public_key_and_azure_an_identity() -> None:
    emulated = storage_credential(emulated=True, client_id="anything")
    assert isinstance(emulated, AzureNamedKeyCredential)
    assert emulated.named_key.name == EMULATOR_ACCOUNT
    managed = storage_credential(emulated=False, client_id="00000000-0000-0000-0000-000000000001")
    assert type(managed).__name__ == "ManagedIdentityCredential"
    assert type(storage_credential(emulated=False, client_id="")).__name__ == (
        "DefaultAzureCredential"
    )


def test_a_process_has_one_identity_so_that_its_tokens_are_kept() -> None:
    assert identity("") is identity("")


def test_a_process_on_an_emulator_does_not_load_the_identity_library() -> None:
    code = (
        "import sys; from consentry.service import deployment; "
        "from consentry.azure.credentials import storage_credential; "
        "storage_credential(emulated=True, client_id=''); "
        "raise SystemExit('azure.identity' in sys.modules or 'msal' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == 0
