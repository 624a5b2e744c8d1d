"""A stand-in for Entra ID: directories that publish keys, and tokens of version 2 for people."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from joserfc import jwt
from joserfc.jwk import RSAKey

from consentry.trust.operations import Role
from consentry.trust.tokens import ALGORITHM, ROLE_PREFIX
from local.certificates import LOOPBACK, Certificate
from local.gateway import QuietHandler, serving_tls
from local.wire import json_reply

RSA_BITS: Final = 2048
TOKEN_SECONDS: Final = 3600
KEYS_PATH: Final = "/discovery/v2.0/keys"


class Entra:
    """Every directory there is, with one key for all of them."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(RSA_BITS)
        self.authority = ""

    def token(self, directory: str, audience: str, name: str, *roles: Role) -> str:
        """Make a token as a directory would for a person of that name."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": f"{self.authority}/{directory}/v2.0",
            "aud": audience,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "oid": str(uuid5(NAMESPACE_URL, f"{directory}/{name}")),
            "roles": [ROLE_PREFIX + role for role in roles],
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.thumbprint()}, claims, self._key)

    @contextmanager
    def serving(self, certificate: Certificate) -> Iterator[None]:
        """Publish the keys while the block runs; ``authority`` is where."""
        public = {**self._key.as_dict(private=False), "kid": self._key.thumbprint()}

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                if self.path.endswith(KEYS_PATH):
                    self.write(json_reply(HTTPStatus.OK, {"keys": [public]}))
                else:
                    self.write(json_reply(HTTPStatus.NOT_FOUND, {}))

        with serving_tls(Handler, certificate) as port:
            self.authority = f"https://{LOOPBACK}:{port}"
            yield
