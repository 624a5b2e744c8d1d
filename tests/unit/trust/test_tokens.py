"""A person's token is believed only when every part of it fits."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.support.governance import NOW

from consentry.limits import TOKEN_CHARACTERS_MAX
from consentry.trust.operations import Principal, PrincipalKind, Role
from consentry.trust.tokens import LEEWAY_SECONDS, Issuer, read_token

KEY, OTHER_KEY = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
OPERATOR = Issuer("https://issuer.example/operator", "", operator=True)
CONTOSO = Issuer("https://issuer.example/contoso", "contoso", operator=False)
BOTH = Issuer("https://issuer.example/both", "fabrikam", operator=True)
ISSUERS = {issuer.name: issuer for issuer in (OPERATOR, CONTOSO, BOTH)}
AUDIENCE = "consentry"
OID = "0b1f5c1e-0000-4000-8000-0000000000aa"
SECOND = int(NOW.timestamp())
EVERY_ROLE = [f"Consentry.{role}" for role in Role]
CLAIMS: dict[str, Any] = {
    "iss": CONTOSO.name,
    "aud": AUDIENCE,
    "exp": SECOND + 3600,
    "oid": OID,
    "roles": EVERY_ROLE,
}


def token(
    *without: str,
    key: RSAKey | OctKey = KEY,
    header: Mapping[str, Any] | None = None,
    **claims: Any,
) -> str:
    fields = {name: value for name, value in (CLAIMS | claims).items() if name not in without}
    return jwt.encode({"alg": "RS256", "kid": "1", **(header or {})}, fields, key)


def read(text: str, *, later: timedelta = timedelta()) -> Principal | None:
    return read_token(
        text,
        issuers=ISSUERS,
        find_key=lambda issuer, kid: KEY if issuer in ISSUERS and kid == "1" else None,
        audience=AUDIENCE,
        now=NOW + later,
    )


def test_a_token_that_fits_names_person_tenant_and_roles() -> None:
    person = read(token())
    assert person is not None
    assert (person.kind, person.tenant) == (PrincipalKind.PERSON, "contoso")
    assert person.id == OID.replace("-", "")


@pytest.mark.parametrize(
    ("issuer", "roles"),
    [
        (CONTOSO, {Role.CALLER, Role.APPLICANT}),
        (OPERATOR, {Role.REVIEWER, Role.AUDITOR, Role.ADMIN}),
        (BOTH, set(Role)),
    ],
)
def test_an_issuer_makes_only_the_roles_that_are_its_own(issuer: Issuer, roles: set[Role]) -> None:
    person = read(token(iss=issuer.name))
    assert person is not None
    assert person.roles == roles


def test_a_program_calls_and_never_decides() -> None:
    person = read(token(iss=BOTH.name, idtyp="app"))
    assert person is not None
    assert person.roles == {Role.CALLER}


@pytest.mark.parametrize("roles", [None, "Consentry.Caller", ["Caller"], ["consentry.caller"], [1]])
def test_roles_of_another_form_count_for_nothing(roles: object) -> None:
    person = read(token(roles=roles))
    assert person is not None
    assert person.roles == frozenset()


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "oid"])
def test_a_token_without_a_required_claim_is_none(claim: str) -> None:
    assert read(token(claim)) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://issuer.example/else"},
        {"iss": CONTOSO.name + "/"},
        {"aud": "another"},
        {"aud": ""},
        {"oid": "ada"},
        {"oid": 7},
        {"exp": "soon"},
        {"nbf": SECOND + LEEWAY_SECONDS + 1},
        {"iat": SECOND + LEEWAY_SECONDS + 1},
    ],
)
def test_a_token_with_a_wrong_claim_is_none(claims: dict[str, Any]) -> None:
    assert read(token(**claims)) is None


def test_a_token_ends_at_its_expiry_and_the_leeway() -> None:
    ends = timedelta(seconds=3600 + LEEWAY_SECONDS)
    assert read(token(), later=ends - timedelta(seconds=1)) is not None
    assert read(token(), later=ends) is None


def test_a_token_signed_by_another_key_is_none() -> None:
    assert read(token(key=OTHER_KEY)) is None
    assert read(token(header={"kid": "2"})) is None
    assert read(f"{_part({'alg': 'RS256', 'kid': 1})}.{_part(CLAIMS)}.AAAA") is None


def test_algorithms_other_than_the_one_are_not_read() -> None:
    shared = OctKey.generate_key(256)
    assert read(token(key=shared, header={"alg": "HS256"})) is None
    body = token().split(".")
    assert read(f"{_part({'alg': 'none', 'kid': '1'})}.{body[1]}.") is None
    assert read(f"{_part({'alg': 'RS512', 'kid': '1'})}.{body[1]}.{body[2]}") is None


def test_a_changed_token_is_none() -> None:
    head, body, signature = token().split(".")
    claims = _part({**CLAIMS, "iss": BOTH.name})
    assert read(f"{head}.{claims}.{signature}") is None
    assert read(f"{head}.{body}.{signature[:-4]}AAAA") is None
    assert read(f"{head}.{body}.") is None


@given(st.text(max_size=200))
def test_any_text_is_read_or_none(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("payload", ["[]", "7", "{", "[" * 4000])
def test_payload_of_another_form_is_none(payload: str) -> None:
    assert read(f"{_part({'alg': 'RS256', 'kid': '1'})}.{_encoded(payload)}.AAAA") is None


def test_a_token_beyond_its_limit_is_not_read() -> None:
    assert read(token(more="x" * TOKEN_CHARACTERS_MAX)) is None


def _part(fields: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(fields))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
