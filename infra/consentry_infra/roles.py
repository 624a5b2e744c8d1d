"""Roles by name, and the only way to assign one.

Ids of built-in roles: Microsoft's "Azure built-in roles". One role is our own: on the audit log
and on decisions the app reads, creates and appends, and can neither overwrite nor delete.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pulumi
from pulumi_azure_native import authorization

from consentry_infra.naming import Names


class Role(StrEnum):
    """Built-in roles that this program assigns."""

    BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    BLOB_DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"
    QUEUE_CONTRIBUTOR = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
    TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
    TABLE_READER = "76199698-9eea-4c19-bc75-cec21354c6b6"
    CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
    CRYPTO_WRAPPER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"  # read, wrap, unwrap
    METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"


_BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


@dataclass(frozen=True)
class OwnRole:
    """A role that this program defines."""

    name: str
    title: str
    description: str
    data_actions: tuple[str, ...]


APPENDER: Final = OwnRole(
    "audit-appender",
    "Consentry audit appender",
    "Reads, creates and appends blobs; cannot overwrite or delete any.",
    # "add" creates and appends where "write" would replace.
    (f"{_BLOBS}/read", f"{_BLOBS}/add/action"),
)


class PrincipalType(StrEnum):
    """Kinds of principals; naming it spares Azure a look-up that fails for a new identity."""

    SERVICE = "ServicePrincipal"
    GROUP = "Group"


@dataclass(frozen=True)
class Principal:
    """Who gets a role; ``name`` is used in the names of assignments."""

    name: str
    object_id: pulumi.Input[str]
    type: PrincipalType


class Grants(pulumi.ComponentResource):
    """The role assignments of a stack; ``made`` is what an app must wait for."""

    def __init__(
        self,
        name: str,
        names: Names,
        subscription_id: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("consentry:infra:Grants", name, None, opts)
        self._names = names
        self._roles = f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization"
        self._defined: dict[OwnRole, authorization.RoleDefinition] = {}
        self.made: list[authorization.RoleAssignment] = []

    def define(self, role: OwnRole, resource_group_id: pulumi.Input[str], stack: str) -> None:
        """Define a role of our own, assignable within this stack's group only."""
        self._defined[role] = authorization.RoleDefinition(
            role.name,
            role_definition_id=self._names.guid(f"role/{role.name}"),
            role_name=f"{role.title} ({stack})",
            description=role.description,
            scope=resource_group_id,
            assignable_scopes=[resource_group_id],
            permissions=[
                authorization.PermissionArgs(
                    actions=[],
                    not_actions=[],
                    data_actions=list(role.data_actions),
                    not_data_actions=[],
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def give(
        self,
        principal: Principal,
        role: Role | OwnRole,
        what: str,
        scope: pulumi.Input[str],
    ) -> None:
        """Assign ``role`` on ``scope``, which ``what`` names."""
        if isinstance(role, Role):
            role_id: pulumi.Input[str] = f"{self._roles}/roleDefinitions/{role}"
            label = role.name.lower().replace("_", "-")
        else:
            role_id = pulumi.Output.concat(
                self._roles, "/roleDefinitions/", self._defined[role].name
            )
            label = role.name
        name = f"{principal.name}-{label}-{what}"
        assignment = authorization.RoleAssignment(
            name,
            role_assignment_name=self._names.guid(f"assignment/{name}"),
            principal_id=principal.object_id,
            principal_type=principal.type.value,
            role_definition_id=role_id,
            scope=scope,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.made.append(assignment)
