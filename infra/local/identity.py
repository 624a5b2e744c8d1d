"""Identities and their tokens, given out as App Service does and read by the data planes.

Each app and each person that acts in a rehearsal has a header value of its own, which is all that
the endpoint goes by; a token names the object id, and that is what roles are assigned to.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from local.certificates import LOOPBACK
from local.gateway import QuietHandler, serving
from local.kinds import DIRECTORY
from local.wire import json_reply

TOKEN_SECONDS: Final = 3600
CLOCK_SKEW_SECONDS: Final = 60
ALGORITHM: Final = "HS256"
STORAGE: Final = "https://storage.azure.com"
VAULT: Final = "https://vault.azure.net"
MANAGEMENT: Final = "https://management.azure.com"


@dataclass(frozen=True)
class Who:
    """Somebody that roles can be assigned to: by object id, and by the groups they belong to."""

    object_id: str
    groups: tuple[str, ...] = ()

    @property
    def principals(self) -> frozenset[str]:
        """All ids under which a role reaches them."""
        return frozenset((self.object_id, *self.groups))


class Identities:
    """Who may ask for tokens, and what tokens say. Safe to use from several threads."""

    def __init__(self) -> None:
        self._key = OctKey.generate_key(256)
        self._known: dict[str, Mapping[str, Who]] = {}

    def enrol(self, *, by_client: Mapping[str, Who]) -> str:
        """Let an app ask as each of its identities, by client id; give its header's value."""
        header = secrets.token_urlsafe(24)
        self._known[header] = dict(by_client)
        return header

    def enrol_person(self, who: Who) -> str:
        """Let a signed-in person ask for tokens; give their header's value."""
        return self.enrol(by_client={"": who})

    def find(self, header: str, client_id: str) -> Who | None:
        """Tell who asks; None for a header or a client id that is not theirs."""
        return self._known.get(header, {}).get(client_id)

    def issue(self, who: Who, resource: str) -> str:
        """Make a token for one resource, with the claims that Entra ID would give."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "aud": resource.removesuffix("/.default").rstrip("/"),
            "iss": f"https://sts.windows.net/{DIRECTORY}/",
            "tid": DIRECTORY,
            "oid": who.object_id,
            "groups": list(who.groups),
            "iat": now - CLOCK_SKEW_SECONDS,
            "nbf": now - CLOCK_SKEW_SECONDS,
            "exp": now + TOKEN_SECONDS,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key)

    def read(self, token: str, resource: str) -> Who | None:
        """Tell whom a token names; None unless it is ours, for this resource and not over."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            jwt.JWTClaimsRegistry(
                aud={"essential": True, "value": resource}, exp={"essential": True}
            ).validate(claims)
        except (JoseError, ValueError):
            return None
        return Who(claims["oid"], tuple(claims["groups"]))


@contextmanager
def identity_endpoint(identities: Identities) -> Iterator[str]:
    """Serve tokens as App Service does: plain HTTP on the loopback interface, by a header."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            query = {
                name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()
            }
            header = self.headers.get("X-IDENTITY-HEADER", "")
            who = identities.find(header, query.get("client_id", ""))
            resource = query.get("resource", "")
            if who is None:
                self.write(json_reply(HTTPStatus.BAD_REQUEST, {"message": "no such identity"}))
                return
            document = {
                "access_token": identities.issue(who, resource),
                "expires_on": str(int(time.time()) + TOKEN_SECONDS),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": query.get("client_id", ""),
            }
            self.write(json_reply(HTTPStatus.OK, document))

    with serving(Handler) as port:
        yield f"http://{LOOPBACK}:{port}/msi/token"
