"""The key vaults that exist, for whoever a role lets use a key."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from local.cloud import Cloud, Resource
from local.identity import VAULT, Identities
from local.keyvault import KeyVault
from local.kinds import DIRECTORY
from local.rights import KEYS, Need, Rights
from local.wire import RefusedRequestError, Reply, Request, Service

DOMAIN: Final = ".vault.azure.net"
_ACTIONS: Final = {
    "sign": f"{KEYS}/sign/action",
    "verify": f"{KEYS}/verify/action",
    "wrapkey": f"{KEYS}/wrap/action",
    "unwrapkey": f"{KEYS}/unwrap/action",
}
# A client learns from the refusal where its token is to come from, and for what.
_CHALLENGE: Final = (
    f'Bearer authorization="https://login.microsoftonline.com/{DIRECTORY}", resource="{VAULT}"'
)


class Vaults:
    """Stands behind vaults and keys."""

    def __init__(self, cloud: Cloud, identities: Identities, rights: Rights) -> None:
        self._cloud = cloud
        self._identities = identities
        self._rights = rights
        self.made: dict[str, KeyVault] = {}

    def make(self, resource: Resource) -> None:
        """Make a vault or a key in one."""
        name = resource.inputs["vaultName"]
        if resource.token.endswith(":Vault"):
            self.made[name] = KeyVault(url=f"https://{name}{DOMAIN}")
            return
        properties = resource.inputs["properties"]
        self.made[name].add(
            resource.inputs["keyName"],
            bits=int(properties.get("keySize", 0)),
            operations=frozenset(properties["keyOps"]),
        )

    def change(self, resource: Resource) -> None:
        """Take a change of a vault or key: none of those that are allowed shows here."""

    def remove(self, resource: Resource) -> None:
        """Remove a vault or a key."""
        vault = self.made[resource.inputs["vaultName"]]
        if resource.token.endswith(":Key"):
            del vault.keys[resource.inputs["keyName"]]
        else:
            del self.made[resource.inputs["vaultName"]]

    def find(self, host: str) -> Service | None:
        """The vault of a host name."""
        name = host.removesuffix(DOMAIN)
        if name == host or name not in self.made:
            return None
        return self._serve(name, self.made[name])

    def _serve(self, name: str, vault: KeyVault) -> Callable[[Request], Reply]:
        [vault_id] = [r.id for r in self._cloud.resources if r.id.endswith(f"/vaults/{name}")]

        def serve(request: Request) -> Reply:
            who = self._identities.read(request.bearer, VAULT)
            if who is None:
                challenge = {"WWW-Authenticate": _CHALLENGE}
                raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, "Unauthorized", challenge)
            self._rights.require(who, _need(vault_id, request))
            return vault(request)

        return serve


def _need(vault_id: str, request: Request) -> Need:
    match request.method, request.parts:
        case "GET", ["keys", key, *_]:
            return Need((f"{KEYS}/read",), f"{vault_id}/keys/{key}")
        case "POST", ["keys", key, _, operation] if operation in _ACTIONS:
            return Need((_ACTIONS[operation],), f"{vault_id}/keys/{key}")
    raise RefusedRequestError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented")
