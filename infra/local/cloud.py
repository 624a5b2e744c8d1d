"""The state of the local cloud: what exists, and what was ever asked of it."""

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from consentry.localhost.keys import Keys
from consentry_infra.events import WEBHOOK_KEY
from consentry_infra.roles import Role
from local.checks import problems
from local.kinds import DIRECTORY, KINDS, OPERATOR, PREFIX, SUBSCRIPTION, Values, stable_id

CLIENT_CONFIG: Final = "azure-native:authorization:getClientConfig"
HOST_KEYS: Final = "azure-native:web:listWebAppHostKeys"
# Parts of an id that exist with the resource they belong to, or by Azure's own making.
_BORN_WITH_PARENT: Final = tuple(
    f"/{service}Services/default" for service in ("blob", "queue", "table")
)
_ROLES: Final = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"


class RefusedError(Exception):
    """Azure would answer this request with an error."""


@dataclass(frozen=True)
class Resource:
    """A resource that exists."""

    token: str
    id: str
    inputs: dict[str, Any] = field(repr=False)
    outputs: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Asked:
    """One request that was carried out: create, update, delete or publish."""

    verb: str
    what: str


class Behind(Protocol):
    """A real part that stands behind resources of one type; may raise whatever it meets."""

    def make(self, resource: Resource) -> None:
        """Make it."""

    def change(self, resource: Resource) -> None:
        """Give it other properties."""

    def remove(self, resource: Resource) -> None:
        """Remove it."""


class Cloud:
    """One subscription; safe to use from several threads, as engines ask.

    ``behind`` names the real parts by type of resource; what has none is kept as state.
    ``fails`` decides by verb and id whether the next request fails for no good reason.
    """

    def __init__(self) -> None:
        self.behind: dict[str, Behind] = {}
        self.fails: Callable[[str, str], bool] = lambda _verb, _what: False
        self._lock = threading.RLock()
        self._resources: dict[str, Resource] = {}
        self._kept_deleted: set[str] = set()
        self._published: list[tuple[str, str]] = []
        self._keys: dict[str, Keys] = {}
        self.asked: list[Asked] = []

    @property
    def resources(self) -> list[Resource]:
        """All resources, oldest first."""
        with self._lock:
            return list(self._resources.values())

    def create(self, token: str, inputs: Values) -> Resource:
        """Make a resource; RefusedError where Azure would refuse it."""
        with self._lock:
            made = self._describe(token, inputs)
            self.may_fail("create", made.id)
            if made.id in self._resources:
                raise RefusedError(f"{made.id} exists already")
            if made.id in self._kept_deleted:
                raise RefusedError(f"{made.id} was deleted and is kept; it must be recovered")
            parent = _parent(made.id)
            if parent and not self._exists(parent):
                raise RefusedError(f"{made.id} lies below something that does not exist")
            self._check_references(made)
            self._resources[made.id] = made
        try:
            self._part(made, lambda part: part.make(made))
        except BaseException:
            with self._lock:
                del self._resources[made.id]
            raise
        self._note("create", made.id)
        return made

    def update(self, resource_id: str, inputs: Values) -> Resource:
        """Change a resource in place."""
        with self._lock:
            self.may_fail("update", resource_id)
            old = self._resources.get(resource_id)
            if old is None:
                raise RefusedError(f"{resource_id} does not exist")
            made = self._describe(old.token, inputs)
            if made.id != resource_id:
                raise RefusedError(f"{resource_id} cannot become another resource")
            self._check_references(made)
            self._resources[resource_id] = made
        try:
            self._part(made, lambda part: part.change(made))
        except BaseException:
            with self._lock:
                self._resources[resource_id] = old
            raise
        self._note("update", resource_id)
        return made

    def delete(self, resource_id: str) -> None:
        """Remove a resource; what lies below it must have gone before."""
        with self._lock:
            self.may_fail("delete", resource_id)
            below = [other for other in self._resources if other.startswith(f"{resource_id}/")]
            # The settings of a service go; the service itself stays as long as its account.
            if below and not resource_id.endswith(_BORN_WITH_PARENT):
                raise RefusedError(f"{resource_id} still holds {below[0]}")
            gone = self._resources.get(resource_id)
        if gone is not None:
            self._part(gone, lambda part: part.remove(gone))
        with self._lock:
            self._resources.pop(resource_id, None)
            if gone is not None and gone.token == f"{PREFIX}keyvault:Vault":
                self._kept_deleted.add(resource_id)
        self._note("delete", resource_id)

    def may_fail(self, verb: str, what: str) -> None:
        """Raise RefusedError if this request is to fail."""
        if self.fails(verb, what):
            raise RefusedError(f"the request to {verb} {what} failed, as it was told to")

    def of(self, kind: str) -> list[Resource]:
        """All resources of one type, oldest first."""
        return [found for found in self.resources if found.token == PREFIX + kind]

    def read(self, resource_id: str) -> Resource | None:
        """Find a resource by its id."""
        with self._lock:
            return self._resources.get(resource_id)

    def invoke(self, token: str, arguments: Values) -> dict[str, Any]:
        """Answer a question; RefusedError for one that is not known."""
        self.may_fail("ask", token)
        if token == CLIENT_CONFIG:
            return {
                "subscriptionId": SUBSCRIPTION,
                "tenantId": DIRECTORY,
                "clientId": stable_id("client"),
                "objectId": OPERATOR,
            }
        if token == HOST_KEYS:
            return self._host_keys(arguments["name"])
        raise RefusedError(f"the local cloud does not know the question {token}")

    def publish(self, site: str, digest: str) -> None:
        """Note a package that an app runs, by digest; there is running code now, and its keys."""
        with self._lock:
            self._published.append((site, digest))
        self._note("publish", digest)

    @property
    def published(self) -> list[str]:
        """Digests of all packages, in order."""
        with self._lock:
            return [digest for _, digest in self._published]

    def runs(self, site: str) -> bool:
        """Tell whether an app has been given code."""
        with self._lock:
            return any(name == site for name, _ in self._published)

    def keys(self, site: str) -> Keys:
        """Keys of an app's host."""
        with self._lock:
            return self._keys.setdefault(site, Keys())

    def _note(self, verb: str, what: str) -> None:
        with self._lock:
            self.asked.append(Asked(verb, what))

    def _part(self, resource: Resource, do: Callable[[Behind], None]) -> None:
        """Have the real part do something, if there is one; others may ask meanwhile."""
        part = self.behind.get(resource.token.removeprefix(PREFIX))
        if part is not None:
            do(part)

    def _describe(self, token: str, inputs: Values) -> Resource:
        found = problems(token, inputs)
        if found:
            raise RefusedError("; ".join(found))
        kind = KINDS[token.removeprefix(PREFIX)]
        resource_id = kind.id(inputs)
        plain = deepcopy(dict(inputs))
        outputs = {
            **plain,
            "name": resource_id.rpartition("/")[2],
            "type": token,
            "azureApiVersion": "local",
            **kind.computed(resource_id, plain),
        }
        return Resource(token, resource_id, plain, outputs)

    def _host_keys(self, name: str) -> dict[str, Any]:
        """An app's keys: its extensions make theirs when code with such triggers starts."""
        with self._lock:
            if not any(site.inputs["name"] == name for site in self.of("web:WebApp")):
                raise RefusedError("there is no such app")
        keys = self.keys(name)
        made = {WEBHOOK_KEY: keys.blobs_extension} if self.runs(name) else {}
        return {"functionKeys": {}, "masterKey": keys.master, "systemKeys": made}

    def _check_references(self, resource: Resource) -> None:
        for reference in _references(resource.inputs):
            if not self._exists(reference):
                raise RefusedError(f"{resource.id} refers to {reference}, which does not exist")

    def _exists(self, resource_id: str) -> bool:
        if resource_id in self._resources:
            return True
        if resource_id.removeprefix(_ROLES) in set(Role):
            return True
        owner, service, _ = resource_id.partition(
            next((part for part in _BORN_WITH_PARENT if part in resource_id), "\0")
        )
        return bool(service) and owner in self._resources and resource_id == owner + service


def _parent(resource_id: str) -> str:
    """The resource below which another lies; empty for what lies in a group or at a scope."""
    head, separator, tail = resource_id.rpartition("/providers/")
    if not separator:
        return ""
    if tail.count("/") <= 2:
        return "" if head == f"/subscriptions/{SUBSCRIPTION}" else head
    return resource_id.rsplit("/", 2)[0]


def _references(value: object) -> Iterator[str]:
    """Ids of other resources, wherever they stand in the inputs."""
    if isinstance(value, str) and value.startswith("/subscriptions/"):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
