"""Who may do what: the role assignments that exist, and what each role allows.

Built-in roles as in Microsoft's "Azure built-in roles", with the actions that the data planes
ask for; roles of the program's own are read from its role definitions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Final

from consentry_infra.roles import Role
from local.cloud import Cloud, Resource
from local.identity import Who
from local.wire import RefusedRequestError

_STORAGE: Final = "Microsoft.Storage/storageAccounts"
CONTAINERS: Final = f"{_STORAGE}/blobServices/containers"
BLOBS: Final = f"{CONTAINERS}/blobs"
DELEGATION_KEY: Final = f"{_STORAGE}/blobServices/generateUserDelegationKey/action"
QUEUES: Final = f"{_STORAGE}/queueServices/queues"
MESSAGES: Final = f"{QUEUES}/messages"
TABLES: Final = f"{_STORAGE}/tableServices/tables"
ENTITIES: Final = f"{TABLES}/entities"
KEYS: Final = "Microsoft.KeyVault/vaults/keys"

ACTIONS: Final[dict[Role, tuple[str, ...]]] = {
    Role.BLOB_OWNER: (f"{CONTAINERS}/*", DELEGATION_KEY),
    Role.BLOB_CONTRIBUTOR: (
        *(f"{CONTAINERS}/{verb}" for verb in ("read", "write", "delete")),
        *(f"{BLOBS}/{verb}" for verb in ("read", "write", "delete", "move/action", "add/action")),
        DELEGATION_KEY,
    ),
    Role.BLOB_READER: (f"{CONTAINERS}/read", f"{BLOBS}/read", DELEGATION_KEY),
    Role.BLOB_DELEGATOR: (DELEGATION_KEY,),
    Role.QUEUE_CONTRIBUTOR: (
        *(f"{QUEUES}/{verb}" for verb in ("read", "write", "delete")),
        *(f"{MESSAGES}/{verb}" for verb in ("read", "write", "delete", "process/action")),
    ),
    Role.TABLE_CONTRIBUTOR: (
        *(f"{TABLES}/{verb}" for verb in ("read", "write", "delete")),
        *(
            f"{ENTITIES}/{verb}"
            for verb in ("read", "write", "delete", "add/action", "update/action")
        ),
    ),
    Role.TABLE_READER: (f"{TABLES}/read", f"{ENTITIES}/read"),
    Role.CRYPTO_USER: (
        f"{KEYS}/read",
        *(
            f"{KEYS}/{verb}/action"
            for verb in (
                "update",
                "backup",
                "encrypt",
                "decrypt",
                "wrap",
                "unwrap",
                "sign",
                "verify",
            )
        ),
    ),
    Role.CRYPTO_WRAPPER: (f"{KEYS}/read", f"{KEYS}/wrap/action", f"{KEYS}/unwrap/action"),
    Role.METRICS_PUBLISHER: ("Microsoft.Insights/Telemetry/Write",),
}


@dataclass(frozen=True)
class Need:
    """What an operation takes: any one of ``actions``, on ``scope`` (the id of a resource)."""

    actions: tuple[str, ...]
    scope: str


@dataclass(frozen=True)
class Refusal:
    """An operation that was refused, and to whom."""

    who: Who
    need: Need


class Rights:
    """Answers who may do what, by what exists at that moment; remembers what it refused."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.refused: list[Refusal] = []
        self.relied_on: Counter[str] = Counter()
        """Ids of assignments without which an operation that was allowed would not have been."""

    def allows(self, who: Who, need: Need) -> bool:
        """Tell whether somebody may do an operation; nothing is remembered."""
        return bool(self._covering(who, need))

    def require(self, who: Who, need: Need) -> None:
        """Refuse, as Azure does, what no assignment covers at its scope."""
        covering = self._covering(who, need)
        if not covering:
            self.refused.append(Refusal(who, need))
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, "AuthorizationPermissionMismatch")
        if len(covering) == 1:
            self.relied_on[covering[0].id] += 1

    def _covering(self, who: Who, need: Need) -> list[Resource]:
        return [
            assignment
            for assignment in self._cloud.of("authorization:RoleAssignment")
            if assignment.inputs["principalId"] in who.principals
            and _lies_in(need.scope, assignment.inputs["scope"])
            and _any_matches(self._allowed_by(assignment), need.actions)
        ]

    def _allowed_by(self, assignment: Resource) -> tuple[str, ...]:
        """The actions of an assigned role."""
        role = assignment.inputs["roleDefinitionId"]
        guid = role.rpartition("/")[2]
        if guid in set(Role):
            return ACTIONS[Role(guid)]
        definition = self._cloud.read(role)
        granted = definition.inputs["permissions"] if definition is not None else []
        return tuple(action for part in granted for action in part["dataActions"])


def _lies_in(scope: str, outer: str) -> bool:
    return scope == outer or scope.startswith(f"{outer}/")


def _any_matches(patterns: Sequence[str], actions: Sequence[str]) -> bool:
    return any(fnmatchcase(action, pattern) for action in actions for pattern in patterns)
