"""Keys in a vault: private operations happen there, old versions stay usable."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from tests.support.vault import FakeIdentity, running_vault

from consentry.azure.names import KeyName
from consentry.azure.vault import KEPT_SECONDS, Vault
from consentry.errors import IntegrityError, StorageError
from local.keyvault import KeyVault

KEY = bytes(range(32))


class Ticks:
    """Seconds that pass only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[tuple[KeyVault, Path]]:
    with running_vault(tmp_path) as running:
        yield running


@pytest.fixture
def service(remote: tuple[KeyVault, Path]) -> KeyVault:
    return remote[0]


@pytest.fixture
def vault(remote: tuple[KeyVault, Path], ticks: Ticks) -> Vault:
    service, certificate = remote
    return Vault(
        service.url,
        FakeIdentity(),
        ticks=ticks,
        connection_verify=str(certificate),
        verify_challenge_resource=False,  # the stand-in's host is no vault's
    )


def test_a_signature_is_made_in_the_vault_and_verifies_outside(
    vault: Vault, service: KeyVault
) -> None:
    key = vault.signing_key()
    signature = key.sign(b"message")
    assert "sign" in service.operations
    (public,) = key.public_keys()
    assert public.kid == key.kid
    assert service.url not in str(public)
    verifier = ECKey.import_key({**public.jwk})
    assert verifier.thumbprint() == key.kid
    assert jws.JWSRegistry.algorithms["ES256"].verify(b"message", signature, verifier)


def test_public_keys_of_all_enabled_versions_are_given_newest_first(
    vault: Vault, service: KeyVault, ticks: Ticks
) -> None:
    old = vault.signing_key()
    for _ in range(2):
        service.keys[KeyName.SIGNING].rotate()
    service.keys[KeyName.SIGNING].versions[1].enabled = False
    new = vault.signing_key()
    assert [key.kid for key in new.public_keys()] == [new.kid, old.kid]
    service.keys[KeyName.SIGNING].rotate()
    assert len(new.public_keys()) == 2
    ticks.now += KEPT_SECONDS
    assert len(new.public_keys()) == 3


def test_decisions_are_signed_by_a_key_of_their_own(vault: Vault, service: KeyVault) -> None:
    manifests, decisions = vault.signing_key(), vault.signing_key(KeyName.DECISIONS)
    published = {key.kid for key in manifests.public_keys()}
    assert [key.kid for key in decisions.public_keys()] == [decisions.kid]
    assert decisions.kid not in published
    assert set(service.keys) == set(KeyName)


def test_asking_for_public_keys_does_not_ask_the_vault_each_time(
    vault: Vault, service: KeyVault
) -> None:
    key = vault.signing_key()
    key.public_keys()
    asked = len(service.operations)
    key.public_keys()
    assert len(service.operations) == asked


def test_a_data_key_is_unwrapped_in_the_vault(vault: Vault, service: KeyVault) -> None:
    key = vault.wrapping_key()
    kid, wrapped = key.wrap(KEY)
    assert key.unwrap(kid, wrapped) == KEY
    assert "unwrapkey" in service.operations


def test_a_new_version_wraps_within_minutes_and_old_ones_still_unwrap(
    vault: Vault, service: KeyVault, ticks: Ticks
) -> None:
    key = vault.wrapping_key()
    kid, wrapped = key.wrap(KEY)
    service.keys[KeyName.WRAPPING].rotate()
    assert key.kid == kid
    ticks.now += KEPT_SECONDS
    assert key.kid != kid
    assert key.unwrap(kid, wrapped) == KEY
    assert key.wrap(KEY)[0] == key.kid


def test_another_process_unwraps_by_the_version_alone(
    vault: Vault, service: KeyVault, remote: tuple[KeyVault, Path]
) -> None:
    kid, wrapped = vault.wrapping_key().wrap(KEY)
    service.keys[KeyName.WRAPPING].rotate()
    other = Vault(
        service.url,
        FakeIdentity(),
        connection_verify=str(remote[1]),
        verify_challenge_resource=False,
    )
    assert other.wrapping_key().unwrap(kid, wrapped) == KEY


def test_what_was_not_wrapped_does_not_unwrap(vault: Vault) -> None:
    key = vault.wrapping_key()
    kid, wrapped = key.wrap(KEY)
    with pytest.raises(IntegrityError):
        key.unwrap(kid, bytes(len(wrapped)))
    with pytest.raises(IntegrityError):
        key.unwrap("f" * 32, wrapped)


@pytest.mark.parametrize("status", [429, 503])
def test_a_vault_that_is_throttled_or_down_signs_nothing(
    vault: Vault, service: KeyVault, status: int
) -> None:
    key = vault.signing_key()
    service.fails_with = status
    with pytest.raises(StorageError):
        key.sign(b"message")
