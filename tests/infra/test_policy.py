"""Every stack keeps every rule, and every rule notices what it is there for."""

import dataclasses

import pytest
from tests.infra.policy import RULES, breaches, changed, of
from tests.infra.registered import Registered, Stack


def test_every_stack_keeps_every_rule(stack: Stack, private_stack: Stack) -> None:
    assert len(stack.resources) > 60
    assert breaches(stack.resources) == {}
    assert breaches(private_stack.resources) == {}


# Kind, logical name ("" for all), path of the property, weaker value, rule that must notice.
WEAKENED = [
    (
        "storage:StorageAccount",
        "work",
        "allowSharedKeyAccess",
        True,
        "storage_takes_identities_only",
    ),
    (
        "storage:StorageAccount",
        "evidence",
        "isLocalUserEnabled",
        True,
        "storage_takes_identities_only",
    ),
    ("storage:StorageAccount", "work", "allowBlobPublicAccess", True, "nothing_is_public"),
    ("storage:StorageAccount", "work", "allowCrossTenantReplication", True, "nothing_is_public"),
    ("storage:BlobContainer", "inbox", "publicAccess", "Blob", "nothing_is_public"),
    ("web:WebApp", "app", "siteConfig.cors", {"allowedOrigins": ["*"]}, "nothing_is_public"),
    ("storage:StorageAccount", "work", "minimumTlsVersion", "TLS1_0", "transport_is_encrypted"),
    ("storage:StorageAccount", "work", "enableHttpsTrafficOnly", False, "transport_is_encrypted"),
    (
        "storage:StorageAccount",
        "evidence",
        "encryption.requireInfrastructureEncryption",
        False,
        "transport_is_encrypted",
    ),
    ("web:WebApp", "app", "httpsOnly", False, "transport_is_encrypted"),
    ("web:WebApp", "app", "siteConfig.minTlsVersion", "1.0", "transport_is_encrypted"),
    ("web:WebAppScmAllowed", "", "allow", True, "passwords_are_off"),
    ("web:WebAppFtpAllowed", "", "allow", True, "passwords_are_off"),
    ("applicationinsights:Component", "", "disableLocalAuth", False, "passwords_are_off"),
    (
        "web:WebApp",
        "app",
        "siteConfig.appSettings",
        [{"name": "ConsentryWork", "value": "AccountName=a;AccountKey=b"}],
        "no_secret_stands_anywhere",
    ),
    (
        "web:WebApp",
        "app",
        "siteConfig.appSettings",
        [{"name": "STORAGE_KEY", "value": "short"}],
        "no_secret_stands_anywhere",
    ),
    (
        "managedidentity:UserAssignedIdentity",
        "",
        "tags",
        {"a": "x?sig=abc"},
        "no_secret_stands_anywhere",
    ),
    (
        "authorization:RoleAssignment",
        "app-audit-appender-audit",
        "roleDefinitionId",
        "/x/ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "roles_are_on_the_list",
    ),
    (
        "authorization:RoleAssignment",
        "app-blob-contributor-inbox",
        "scope",
        "/subscriptions/s/resourceGroups/g",
        "roles_are_on_the_list",
    ),
    (
        "authorization:RoleDefinition",
        "audit-appender",
        "permissions",
        [{"actions": [], "dataActions": ["Microsoft.Storage/storageAccounts/blobServices/*"]}],
        "own_roles_cannot_rewrite",
    ),
    (
        "authorization:RoleDefinition",
        "callers-eraser",
        "permissions",
        [{"actions": [], "dataActions": ["Microsoft.Storage/storageAccounts/tableServices/*"]}],
        "own_roles_cannot_rewrite",
    ),
    ("keyvault:Vault", "", "tags", {}, "everything_is_tagged"),
    ("storage:StorageAccount", "work", "accountName", "Upper-Case", "names_are_within_limits"),
    ("keyvault:Vault", "", "properties.enablePurgeProtection", False, "keys_survive_mistakes"),
    ("keyvault:Vault", "", "properties.enableRbacAuthorization", False, "keys_survive_mistakes"),
    (
        "keyvault:Key",
        "consentry-signing",
        "properties.attributes.exportable",
        True,
        "keys_survive_mistakes",
    ),
    (
        "keyvault:Key",
        "consentry-wrapping",
        "properties.rotationPolicy",
        None,
        "keys_survive_mistakes",
    ),
    (
        "storage:BlobContainerImmutabilityPolicy",
        "audit-lock",
        "allowProtectedAppendWrites",
        False,
        "evidence_is_append_only",
    ),
    (
        "storage:BlobServiceProperties",
        "work-blobs",
        "isVersioningEnabled",
        True,
        "deletions_are_true_and_evidence_stays",
    ),
    (
        "storage:BlobServiceProperties",
        "evidence-blobs",
        "isVersioningEnabled",
        False,
        "deletions_are_true_and_evidence_stays",
    ),
    ("", "package", "authority", "https://login.example", "tokens_come_from_entra"),
]


@pytest.mark.parametrize(("kind", "name", "path", "value", "rule"), WEAKENED)
def test_weakened_property_breaks_its_rule(
    stack: Stack, kind: str, name: str, path: str, value: object, rule: str
) -> None:
    hit = [
        r for r in stack.resources if (not kind or r.kind == kind) and (not name or r.name == name)
    ]
    assert len(hit) == 1
    weakened = dataclasses.replace(hit[0], inputs=changed(hit[0].inputs, path, value))
    others = [r for r in stack.resources if r is not hit[0]]
    assert rule in breaches([*others, weakened])


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("storage:BlobContainerImmutabilityPolicy", "evidence_is_append_only"),
        ("authorization:RoleDefinition", "own_roles_cannot_rewrite"),
        ("web:WebAppScmAllowed", "passwords_are_off"),
    ],
)
def test_missing_protection_breaks_its_rule(stack: Stack, kind: str, rule: str) -> None:
    assert of(stack.resources, kind)
    left = [r for r in stack.resources if r.kind != kind]
    assert rule in breaches(left)


def test_every_missing_role_is_noticed(stack: Stack) -> None:
    for assignment in of(stack.resources, "authorization:RoleAssignment"):
        left = [r for r in stack.resources if r is not assignment]
        assert "roles_are_on_the_list" in breaches(left), assignment.name


def test_unknown_type_is_noticed(stack: Stack) -> None:
    stranger = Registered("aws:s3/bucket:Bucket", "bucket", {}, "bucket")
    assert "only_known_types" in breaches([*stack.resources, stranger])


def test_every_rule_has_a_case_that_breaks_it() -> None:
    covered = {case[-1] for case in WEAKENED} | {"only_known_types"}
    assert {rule.__name__ for rule in RULES} == covered
