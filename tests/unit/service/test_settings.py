"""The settings: complete, coherent, and without a place for a secret."""

from pathlib import Path

import pytest

from consentry.errors import SettingsError
from consentry.service.settings import Settings, is_loopback

PRODUCTION = {
    "CONSENTRY_TENANTS": "contoso, fabrikam",
    "CONSENTRY_JURISDICTION": "DE",
    "CONSENTRY_CONTACT": "privacy@operator.example",
    "CONSENTRY_WORK_BLOB_ENDPOINT": "https://work.blob.core.windows.net",
    "CONSENTRY_WORK_TABLE_ENDPOINT": "https://work.table.core.windows.net",
    "CONSENTRY_WORK_QUEUE_ENDPOINT": "https://work.queue.core.windows.net",
    "CONSENTRY_AUDIT_BLOB_ENDPOINT": "https://proof.blob.core.windows.net",
    "CONSENTRY_VAULT_URL": "https://keys.vault.azure.net",
    "CONSENTRY_LAYER": "layer",
}


def test_complete_settings_are_read_from_the_environment() -> None:
    settings = Settings.load(PRODUCTION | {"PATH": "/bin", "CONSENTRY_URL_HOSTS": "a.example"})
    assert settings.environment == "production"
    assert settings.tenants == ("contoso", "fabrikam")
    assert settings.url_hosts == ("a.example",)
    assert settings.layer == Path("layer")


def test_host_name_is_the_platforms_unless_it_is_set() -> None:
    platform = PRODUCTION | {"WEBSITE_HOSTNAME": "Faces.azurewebsites.net"}
    assert Settings.load(platform).hostname == "faces.azurewebsites.net"
    own = platform | {"CONSENTRY_HOSTNAME": "faces.example"}
    assert Settings.load(own).hostname == "faces.example"


def test_everything_that_is_missing_is_named_in_one_error() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({})
    required = {name for name in PRODUCTION if name != "CONSENTRY_VAULT_URL"}
    assert all(name in str(caught.value) for name in required)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSENTRY_TENANTS", ""),
        ("CONSENTRY_TENANTS", "Contoso"),
        ("CONSENTRY_TENANTS", "../up"),
        ("CONSENTRY_TENANTS", "a" * 33),
        ("CONSENTRY_KEEP_ORIGINALS", "northwind"),
        ("CONSENTRY_JURISDICTION", "Germany"),
        ("CONSENTRY_JURISDICTION", ""),
        ("CONSENTRY_CONTACT", ""),
        ("CONSENTRY_VAULT_URL", ""),
        ("CONSENTRY_VAULT_URL", "http://keys.vault.azure.net"),
        ("CONSENTRY_LOCAL_KEYS", "keys"),
        ("CONSENTRY_WORK_BLOB_ENDPOINT", "http://127.0.0.1:10000/devstoreaccount1"),
        ("CONSENTRY_AUDIT_BLOB_ENDPOINT", "http://proof.example"),
        ("CONSENTRY_MASK_KIND", "none"),
        ("CONSENTRY_MASK_SHAPE", "star"),
        ("CONSENTRY_THREADS", "0"),
        ("CONSENTRY_ENVIRONMENT", "staging"),
        ("CONSENTRY_HOSTNAME", "https://faces.example/"),
        ("CONSENTRY_TENANT", "a name that was never a setting"),
    ],
)
def test_wrong_setting_stops_the_start_without_showing_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(PRODUCTION | {name: value})
    assert not value or value not in str(caught.value)


def test_production_refuses_key_files_in_place_of_a_vault() -> None:
    without_vault = {k: v for k, v in PRODUCTION.items() if k != "CONSENTRY_VAULT_URL"}
    with pytest.raises(SettingsError, match="development only"):
        Settings.load(without_vault | {"CONSENTRY_LOCAL_KEYS": "keys"})


def test_no_setting_has_room_for_a_secret() -> None:
    suspicious = ("connection", "secret", "password", "account_key", "token", "sas")
    assert [n for n in Settings.model_fields if any(word in n for word in suspicious)] == []


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("http://127.0.0.1:10000/devstoreaccount1", True),
        ("http://localhost:10000", True),
        ("http://[::1]:10000", True),
        ("https://work.blob.core.windows.net", False),
        ("https://127.0.0.1.example.com", False),
        ("https://localhost.example.com", False),
        ("", False),
    ],
)
def test_only_an_address_of_this_machine_means_an_emulator(endpoint: str, local: bool) -> None:
    assert is_loopback(endpoint) is local
