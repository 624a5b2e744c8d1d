"""The development issuer: tokens for people of a developer's machine.

It stands in for Entra ID and signs as that does, so the service reads both in one way. Its
private key lies beside the other local keys, and production settings refuse its public one.
"""

import json
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from joserfc import jwt
from joserfc.jwk import RSAKey

from consentry.service.people import DEVELOPMENT_ISSUER
from consentry.trust.operations import OPERATOR_ROLES, Role
from consentry.trust.tokens import ALGORITHM, ROLE_PREFIX

DEVELOPMENT_AUDIENCE: Final = "consentry-development"
PUBLIC_FILE: Final = "development-issuer.jwks.json"
TOKEN_HOURS: Final = 8
RSA_BITS: Final = 2048


def make_issuer(published: Path) -> RSAKey:
    """Give the issuer's key, made if it is not there; ``published`` is its public JWK set."""
    private = published.with_suffix(".private")
    if not private.exists():
        _write_new(private, RSAKey.generate_key(RSA_BITS).as_dict(private=True))
    key = RSAKey.import_key(json.loads(private.read_bytes()))
    if not published.exists():
        public = {**key.as_dict(private=False), "kid": key.thumbprint()}
        _write_new(published, {"keys": [public]})
    return key


def person_id(name: str) -> str:
    """Object id of a person of that name: always the same one."""
    return str(uuid5(NAMESPACE_URL, f"{DEVELOPMENT_ISSUER}:{name}"))


def make_token(key: RSAKey, *, role: Role, name: str, tenant: str, now: datetime) -> str:
    """Make a token as the operator's directory, or the tenant's for its own roles, would."""
    issuer = DEVELOPMENT_ISSUER if role in OPERATOR_ROLES else f"{DEVELOPMENT_ISSUER}:{tenant}"
    claims = {
        "iss": issuer,
        "aud": DEVELOPMENT_AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=TOKEN_HOURS)).timestamp()),
        "oid": person_id(name),
        "roles": [ROLE_PREFIX + role],
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.thumbprint()}, claims, key)


def _write_new(path: Path, document: dict[str, Any]) -> None:
    """Write a file of its owner's; of two processes that do so at once, the first one's is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # its mode is 0600
        json.dump(document, draft)
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return
