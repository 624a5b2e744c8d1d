"""Which issuers a deployment trusts, and how their keys are kept."""

import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, RSAKey
from tests.support.faults import WAIT_SECONDS
from tests.support.governance import NOW
from tests.support.memory import Clock
from tests.support.people import ISSUER_FILE, issuer, people, principal_id, token

from consentry.errors import SettingsError, StorageError
from consentry.service.people import (
    ASKED_AGAIN_SECONDS,
    FAILED_SECONDS,
    KEPT_SECONDS,
    IssuerKeys,
    people_of,
)
from consentry.service.settings import ENTRA, Settings
from consentry.trust.operations import Role
from consentry.trust.tokens import Issuer

HOME, AWAY = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
PRODUCTION = {
    "CONSENTRY_TENANTS": "contoso,fabrikam",
    "CONSENTRY_JURISDICTION": "DE",
    "CONSENTRY_CONTACT": "privacy@operator.example",
    "CONSENTRY_WORK_BLOB_ENDPOINT": "https://work.example/blob",
    "CONSENTRY_WORK_TABLE_ENDPOINT": "https://work.example/table",
    "CONSENTRY_WORK_QUEUE_ENDPOINT": "https://work.example/queue",
    "CONSENTRY_AUDIT_BLOB_ENDPOINT": "https://evidence.example/blob",
    "CONSENTRY_VAULT_URL": "https://vault.example",
    "CONSENTRY_LAYER": "layer",
    "CONSENTRY_AUDIENCE": "33333333-3333-4333-8333-333333333333",
    "CONSENTRY_OPERATOR_DIRECTORY": HOME,
    "CONSENTRY_TENANT_DIRECTORIES": f"contoso={HOME},fabrikam={AWAY}",
}


def entra(directory: str) -> str:
    return f"{ENTRA}/{directory}/v2.0"


def test_production_trusts_the_named_directories_of_entra_and_nobody_else() -> None:
    found = people_of(Settings.load(PRODUCTION))
    assert found.issuers == {
        entra(HOME): Issuer(entra(HOME), "contoso", operator=True),
        entra(AWAY): Issuer(entra(AWAY), "fabrikam", operator=False),
    }
    assert found.authenticate(token(Role.REVIEWER, "ada", "", NOW), NOW) is None


def test_production_settings_refuse_the_development_issuer() -> None:
    local = {"CONSENTRY_LOCAL_ISSUER": "keys.json"}
    without = {name: text for name, text in PRODUCTION.items() if "DIRECTOR" not in name}
    for settings in (PRODUCTION | local, without | local):
        with pytest.raises(SettingsError):
            Settings.load(settings)


@pytest.mark.parametrize(
    "change",
    [
        {"CONSENTRY_AUDIENCE": ""},
        {"CONSENTRY_OPERATOR_DIRECTORY": ""},
        {"CONSENTRY_OPERATOR_DIRECTORY": "common"},
        {"CONSENTRY_TENANT_DIRECTORIES": f"contoso={HOME},fabrikam={HOME}"},
        {"CONSENTRY_TENANT_DIRECTORIES": f"northwind={AWAY}"},
        {"CONSENTRY_TENANT_DIRECTORIES": "contoso"},
        {"CONSENTRY_TENANT_DIRECTORIES": "contoso=organizations"},
        {"CONSENTRY_AUTHORITY": "https://login.example"},
        {"CONSENTRY_AUTHORITY": "http://127.0.0.1:8443"},
        {"CONSENTRY_AUTHORITY": "https://127.0.0.1:8443/elsewhere"},
        {"CONSENTRY_AUTHORITY": "https://login.microsoftonline.com@127.0.0.1"},
    ],
)
def test_issuers_that_do_not_fit_together_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        Settings.load(PRODUCTION | change)


def test_stand_in_for_entra_is_trusted_instead_of_it_and_not_beside_it() -> None:
    local = "https://127.0.0.1:8443"
    found = people_of(Settings.load(PRODUCTION | {"CONSENTRY_AUTHORITY": local}))
    assert set(found.issuers) == {f"{local}/{HOME}/v2.0", f"{local}/{AWAY}/v2.0"}


def test_without_issuers_nobody_is_a_person() -> None:
    names = ("AUDIENCE", "OPERATOR_DIRECTORY", "TENANT_DIRECTORIES")
    closed = {name: text for name, text in PRODUCTION.items() if not name.endswith(names)}
    assert people_of(Settings.load(closed)).issuers == {}


def test_a_person_of_the_development_issuer_is_known_by_the_same_way() -> None:
    person = people("contoso").authenticate(token(Role.APPLICANT, "alan", "contoso", NOW), NOW)
    assert person is not None
    assert (person.id, person.tenant) == (principal_id("alan"), "contoso")
    assert person.roles == {Role.APPLICANT}


def test_an_applicant_of_a_tenant_that_is_not_served_is_nobody() -> None:
    other = token(Role.APPLICANT, "alan", "northwind", NOW)
    assert people("contoso").authenticate(other, NOW) is None


def test_a_token_of_the_development_issuer_ends() -> None:
    text = token(Role.REVIEWER, "ada", "", NOW)
    assert people("contoso").authenticate(text, NOW + timedelta(hours=9)) is None


def test_the_issuers_files_are_their_owners_alone() -> None:
    assert issuer().is_private
    files = list(ISSUER_FILE.parent.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    published = json.loads(ISSUER_FILE.read_bytes())
    assert {"d", "p", "q"}.isdisjoint(published["keys"][0])


class Published:
    """An issuer's JWK set, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys = {"1": RSAKey.generate_key(2048)}

    def __call__(self) -> bytes:
        self.asked += 1
        keys = [{**key.as_dict(private=False), "kid": kid} for kid, key in self.keys.items()]
        other = {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "ec"}
        return json.dumps({"keys": [*keys, other]}).encode()


def test_keys_are_kept_and_asked_for_again_when_they_are_old() -> None:
    published, clock = Published(), Clock()
    keys = IssuerKeys(published, ticks=clock.seconds)
    assert keys.find("1") is not None
    clock.advance(seconds=KEPT_SECONDS - 1)
    assert keys.find("1") is not None
    assert published.asked == 1
    published.keys = {}
    clock.advance(seconds=1)
    assert keys.find("1") is None  # what the issuer has withdrawn is believed no longer


def test_an_unknown_key_id_makes_nobody_ask_more_often() -> None:
    published, clock = Published(), Clock()
    keys = IssuerKeys(published, ticks=clock.seconds)
    assert [keys.find(str(number)) for number in range(2, 50)] == [None] * 48
    assert published.asked == 1
    published.keys["new"] = RSAKey.generate_key(2048)
    clock.advance(seconds=ASKED_AGAIN_SECONDS)
    assert keys.find("new") is not None
    assert keys.find("ec") is None  # only RSA keys sign tokens
    assert published.asked == 2


def test_whoever_has_a_known_key_waits_for_nobody_who_asks_for_an_unknown_one() -> None:
    published, clock = Published(), Clock()
    asked, answer = threading.Event(), threading.Event()

    def slowly() -> bytes:
        if published.asked:
            asked.set()
            assert answer.wait(WAIT_SECONDS)
        return published()

    keys = IssuerKeys(slowly, ticks=clock.seconds)
    assert keys.find("1") is not None
    clock.advance(seconds=ASKED_AGAIN_SECONDS)
    with ThreadPoolExecutor() as pool:
        unknown = pool.submit(keys.find, "2")
        assert asked.wait(WAIT_SECONDS)
        known = pool.submit(keys.find, "1")
        assert known.result(WAIT_SECONDS) is not None
        assert not unknown.done()
        answer.set()
        assert unknown.result() is None


def test_an_issuer_that_does_not_answer_is_not_asked_at_every_token() -> None:
    published, clock = Published(), Clock()
    down = True

    def fetch() -> bytes:
        document = published()
        if down:
            raise StorageError("no answer")
        return document

    keys = IssuerKeys(fetch, ticks=clock.seconds)
    for _ in range(10):
        with pytest.raises(StorageError):
            keys.find("1")
    assert published.asked == 1
    down = False
    clock.advance(seconds=FAILED_SECONDS)
    assert keys.find("1") is not None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": [{"kty": "RSA"}]}',
        b'{"keys": [{"kty": "RSA", "kid": "1", "n": "", "e": ""}]}',
    ],
)
def test_keys_that_cannot_be_read_let_nobody_in(document: bytes) -> None:
    with pytest.raises(StorageError):
        IssuerKeys(lambda: document).find("1")
