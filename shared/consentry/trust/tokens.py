"""Tokens of people: who an issuer says that they are, believed only when everything fits.

A token is a signed JWT (RFC 7519) as Entra ID issues it. Issuer, audience, signature, expiry and
the person's id are all required; algorithms other than RS256 are not read at all. What a token
may say depends on its issuer: only the operator's makes reviewers, auditors and admins, and
only a tenant's makes applicants and callers, of that tenant.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from consentry.limits import TOKEN_CHARACTERS_MAX
from consentry.trust.operations import OPERATOR_ROLES, Principal, PrincipalKind, Role

ALGORITHM: Final = "RS256"
ROLE_PREFIX: Final = "Consentry."
LEEWAY_SECONDS: Final = 60  # between the issuer's clock and ours

TENANT_ROLES: Final = frozenset({Role.CALLER, Role.APPLICANT})

_OBJECT_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Issuer:
    """Whose word is taken for what.

    ``name`` stands in a token's ``iss``; ``tenant`` is the tenant whose people it knows, or empty.
    """

    name: str
    tenant: str
    operator: bool


def read_token(
    text: str,
    *,
    issuers: Mapping[str, Issuer],
    find_key: Callable[[str, str], RSAKey | None],
    audience: str,
    now: datetime,
) -> Principal | None:
    """Establish who sent a token, or None for any fault of it.

    ``find_key`` gives the key of an issuer, by the issuer's name and the key's id.
    """
    try:
        if len(text) > TOKEN_CHARACTERS_MAX:
            return None
        unproven = jws.extract_compact(text.encode())
        issuer = issuers.get(_text(_claims(unproven.payload), "iss"))
        kid = _text(unproven.headers(), "kid")
        key = find_key(issuer.name, kid) if issuer and kid else None
        if issuer is None or key is None:
            return None
        token = jwt.decode(text, key, algorithms=[ALGORITHM])
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer.name},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            oid={"essential": True},
        ).validate(token.claims)
    except (JoseError, ValueError, RecursionError):
        return None
    return _principal(token.claims, issuer)


def _principal(claims: Mapping[str, Any], issuer: Issuer) -> Principal | None:
    object_id = _text(claims, "oid").lower()
    if not _OBJECT_ID.fullmatch(object_id):
        return None
    roles = _roles(claims)
    allowed = TENANT_ROLES if issuer.tenant else frozenset[Role]()
    if issuer.operator:
        allowed |= OPERATOR_ROLES
    if _text(claims, "idtyp") == "app":  # programs call; people decide
        allowed &= {Role.CALLER}
    identifier = object_id.replace("-", "")
    return Principal(PrincipalKind.PERSON, identifier, issuer.tenant, roles & allowed)


def _roles(claims: Mapping[str, Any]) -> frozenset[Role]:
    named = claims.get("roles")
    names = {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()
    return frozenset(role for role in Role if ROLE_PREFIX + role in names)


def _claims(payload: bytes) -> dict[str, Any]:
    claims = json.loads(payload)
    return claims if isinstance(claims, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
