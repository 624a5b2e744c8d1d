"""What could weaken a stack, one property at a time, and the rule that must notice each.

``python -m tests.infra.mutations`` applies every one of them to a stack and prints what noticed.
"""

import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.infra.policy import breaches, changed, settings
from tests.infra.registered import Registered, configuration, register

from consentry_infra.roles import Role


@dataclass(frozen=True)
class Mutation:
    """One property made weaker: of a resource, named by type and logical name.

    ``path`` names the property; without it the whole resource is dropped.
    """

    kind: str
    name: str
    rule: str
    path: str = ""
    value: object = None
    told: str = ""

    @property
    def title(self) -> str:
        """What is done, in a line."""
        if self.told:
            return self.told
        what = self.name or self.kind
        if not self.path:
            return f"{what}: dropped"
        return f"{what}: {self.path} = {self.value!r}"

    def apply(self, resources: Sequence[Registered]) -> list[Registered]:
        """Give the stack with this one thing made weaker."""
        hit = [r for r in resources if self.kind in ("", r.kind) and self.name in ("", r.name)]
        if len(hit) != 1:
            raise ValueError(f"{self.title}: it means {len(hit)} resources")
        others = [r for r in resources if r is not hit[0]]
        if not self.path:
            return others
        return [
            *others,
            dataclasses.replace(hit[0], inputs=changed(hit[0].inputs, self.path, self.value)),
        ]


WEAKENED = (
    Mutation(
        "storage:StorageAccount",
        "work",
        "storage_takes_identities_only",
        "allowSharedKeyAccess",
        True,
    ),
    Mutation(
        "storage:StorageAccount",
        "evidence",
        "storage_takes_identities_only",
        "isLocalUserEnabled",
        True,
    ),
    Mutation("storage:StorageAccount", "work", "nothing_is_public", "allowBlobPublicAccess", True),
    Mutation(
        "storage:StorageAccount", "work", "nothing_is_public", "allowCrossTenantReplication", True
    ),
    Mutation("storage:BlobContainer", "inbox", "nothing_is_public", "publicAccess", "Blob"),
    Mutation(
        "web:WebApp", "app", "nothing_is_public", "siteConfig.cors", {"allowedOrigins": ["*"]}
    ),
    Mutation(
        "storage:StorageAccount", "work", "transport_is_encrypted", "minimumTlsVersion", "TLS1_0"
    ),
    Mutation(
        "storage:StorageAccount", "work", "transport_is_encrypted", "enableHttpsTrafficOnly", False
    ),
    Mutation(
        "storage:StorageAccount",
        "evidence",
        "transport_is_encrypted",
        "encryption.requireInfrastructureEncryption",
        False,
    ),
    Mutation("web:WebApp", "app", "transport_is_encrypted", "httpsOnly", False),
    Mutation("web:WebApp", "app", "transport_is_encrypted", "siteConfig.minTlsVersion", "1.0"),
    Mutation("web:WebAppScmAllowed", "", "passwords_are_off", "allow", True),
    Mutation("web:WebAppFtpAllowed", "", "passwords_are_off", "allow", True),
    Mutation("applicationinsights:Component", "", "passwords_are_off", "disableLocalAuth", False),
    Mutation(
        "web:WebApp",
        "app",
        "no_secret_stands_anywhere",
        "siteConfig.appSettings",
        [{"name": "ConsentryWork", "value": "AccountName=a;AccountKey=b"}],
    ),
    Mutation(
        "web:WebApp",
        "app",
        "no_secret_stands_anywhere",
        "siteConfig.appSettings",
        [{"name": "STORAGE_KEY", "value": "short"}],
    ),
    Mutation(
        "managedidentity:UserAssignedIdentity",
        "",
        "no_secret_stands_anywhere",
        "tags",
        {"a": "x?sig=abc"},
    ),
    Mutation(
        "authorization:RoleAssignment",
        "app-audit-appender-audit",
        "roles_are_on_the_list",
        "roleDefinitionId",
        "/x/ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    ),
    Mutation(
        "authorization:RoleAssignment",
        "app-blob-contributor-inbox",
        "roles_are_on_the_list",
        "scope",
        "/subscriptions/s/resourceGroups/g",
    ),
    Mutation(
        "authorization:RoleDefinition",
        "audit-appender",
        "own_roles_cannot_rewrite",
        "permissions",
        [{"actions": [], "dataActions": ["Microsoft.Storage/storageAccounts/blobServices/*"]}],
    ),
    Mutation("keyvault:Vault", "", "everything_is_tagged", "tags", {}),
    Mutation(
        "storage:StorageAccount", "work", "names_are_within_limits", "accountName", "Upper-Case"
    ),
    Mutation(
        "keyvault:Vault", "", "keys_survive_mistakes", "properties.enablePurgeProtection", False
    ),
    Mutation(
        "keyvault:Vault", "", "keys_survive_mistakes", "properties.enableRbacAuthorization", False
    ),
    Mutation(
        "keyvault:Key",
        "consentry-signing",
        "keys_survive_mistakes",
        "properties.attributes.exportable",
        True,
    ),
    Mutation(
        "keyvault:Key",
        "consentry-wrapping",
        "keys_survive_mistakes",
        "properties.rotationPolicy",
        None,
    ),
    Mutation(
        "storage:BlobContainerImmutabilityPolicy",
        "audit-lock",
        "evidence_is_append_only",
        "allowProtectedAppendWrites",
        False,
    ),
    Mutation(
        "storage:BlobServiceProperties",
        "work-blobs",
        "deletions_are_true_and_evidence_stays",
        "isVersioningEnabled",
        True,
    ),
    Mutation(
        "storage:BlobServiceProperties",
        "evidence-blobs",
        "deletions_are_true_and_evidence_stays",
        "isVersioningEnabled",
        False,
    ),
    Mutation("", "package", "tokens_come_from_entra", "authority", "https://login.example"),
    Mutation(
        "eventgrid:SystemTopicEventSubscription",
        "inbox-events",
        "events_are_those_of_the_inbox",
        "filter.subjectBeginsWith",
        "/blobServices/default/containers/",
    ),
    Mutation(
        "eventgrid:SystemTopicEventSubscription",
        "inbox-events",
        "events_are_those_of_the_inbox",
        "destination.endpointUrl",
        "https://elsewhere.example/runtime/webhooks/blobs",
    ),
    Mutation(
        "eventgrid:SystemTopicEventSubscription",
        "inbox-events",
        "events_are_those_of_the_inbox",
        "deadLetterWithResourceIdentity",
    ),
    Mutation(
        "keyvault:Vault",
        "vault",
        "keys_survive_mistakes",
        "properties.enableSoftDelete",
        value=False,
    ),
    Mutation(
        "storage:BlobContainerImmutabilityPolicy",
        "audit-lock",
        "evidence_is_append_only",
        "immutabilityPeriodSinceCreationInDays",
        0,
    ),
    *(
        Mutation(kind, name, rule)
        for kind, name, rule in (
            ("storage:BlobContainerImmutabilityPolicy", "audit-lock", "evidence_is_append_only"),
            (
                "storage:BlobContainerImmutabilityPolicy",
                "decisions-lock",
                "evidence_is_append_only",
            ),
            ("authorization:RoleDefinition", "audit-appender", "own_roles_cannot_rewrite"),
            ("web:WebAppScmAllowed", "", "passwords_are_off"),
            ("web:WebAppFtpAllowed", "", "passwords_are_off"),
        )
    ),
)


def mutations(resources: Sequence[Registered]) -> Iterator[Mutation]:
    """All of them for one stack: also every setting and every role, left out or widened."""
    yield from WEAKENED
    [app] = [r for r in resources if r.kind == "web:WebApp"]
    present = app.inputs["siteConfig"]["appSettings"]
    for setting in sorted(settings(app)):
        left = [item for item in present if item["name"] != setting]
        if setting.startswith("CONSENTRY_"):
            yield Mutation(
                app.kind,
                app.name,
                "every_setting_is_there",
                "siteConfig.appSettings",
                left,
                f"{app.name}: the setting {setting} left out",
            )
    for role in [r for r in resources if r.kind == "authorization:RoleAssignment"]:
        rule = "roles_are_on_the_list"
        yield Mutation(role.kind, role.name, rule)
        if not role.inputs["roleDefinitionId"].endswith(Role.BLOB_OWNER):
            wider = f"/x/roleDefinitions/{Role.BLOB_OWNER}"
            told = f"{role.name}: widened to Storage Blob Data Owner"
            yield Mutation(role.kind, role.name, rule, "roleDefinitionId", wider, told)
        account, service, _ = role.inputs["scope"].partition("Services/default/")
        if service:
            told = f"{role.name}: widened to the whole account"
            outer = account.rpartition("/")[0]
            yield Mutation(role.kind, role.name, rule, "scope", outer, told)


def main() -> int:
    """Apply each to a stack, and print which rule noticed it."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package.zip"
        package.write_bytes(b"not a real package")
        stack = register("contoso", configuration(package))
    table = Table("made weaker", "noticed by", box=None)
    missed = 0
    for mutation in mutations(stack.resources):
        found = breaches(mutation.apply(stack.resources))
        missed += mutation.rule not in found
        table.add_row(mutation.title, ", ".join(sorted(found)) or "NOBODY")
    console = Console(width=160)
    console.print(table, highlight=False, markup=False)
    console.print(f"{table.row_count} properties made weaker, {missed} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
