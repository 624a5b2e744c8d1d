"""The stack's configuration is typed, complete in its example, and wrong in clear words only."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from consentry.trust.operations import Role
from consentry.trust.tokens import ROLE_PREFIX
from consentry_infra.config import ConfigError, Part, StackConfig
from consentry_infra.digests import file_digest
from consentry_infra.naming import NAME_LIMITS, Names

EXAMPLE = Path(__file__).resolve().parents[2] / "infra" / "Pulumi.example.yaml"


def example() -> dict[str, str]:
    """The example's values as the engine would hand them over: text, or JSON."""
    values = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["config"]
    return {
        name: json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
        for name, value in values.items()
    }


def test_example_names_every_key_with_its_default() -> None:
    loaded = StackConfig.load(example())
    assert {name.removeprefix("consentry:") for name in example()} == set(StackConfig.model_fields)
    for name, field in StackConfig.model_fields.items():
        value = getattr(loaded, name)
        if not field.is_required():
            assert value == field.default, name
    for name, text in example().items():
        part = getattr(loaded, name.removeprefix("consentry:"))
        if isinstance(part, Part):
            assert set(json.loads(text)) == set(type(part).model_fields), name


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        StackConfig.load({"azure-native:location": "x"})
    for name in ("tenants", "location", "jurisdiction", "contacts", "people", "budget"):
        assert f"consentry:{name}: Field required" in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("tenants", "[]", "consentry:tenants"),
        ("tenants", '["Upper"]', "consentry:tenants.0"),
        ("tenants", json.dumps([f"tenant-{n:024}" for n in range(9)]), "fit into a tag"),
        ("location", "West Europe", "consentry:location"),
        ("contacts", '["nobody"]', "consentry:contacts.0"),
        ("tokens", '{"audience": "66666666-6666-4666-8666-666666666666"}', "consentry:tokens"),
        ("people", '{"reviewers": "me", "auditors": "you"}', "consentry:people.reviewers"),
        ("budget", '{"monthly": 5, "start": "2026-01-02"}', "consentry:budget"),
        ("retention", '{"audit_locked_days": 400, "audit_kept_days": 300}', "consentry:retention"),
        ("retention", '{"inbox": 3}', "consentry:retention.inbox"),
        (
            "retention",
            '{"tenants": {"stranger": {"inbox": 1}}}',
            "retention.tenants names a tenant",
        ),
        ("retention", '{"tenants": {"contoso": {"audit": 1}}}', "consentry:retention.tenants"),
        ("capacity", '{"memory_mb": 512}', "consentry:capacity.memory_mb"),
        ("network", '{"clients": ["203.0.113.0/24"]}', "consentry:network"),
        ("network", '{"address_space": "10.0.0.0/28"}', "consentry:network"),
        ("service", '{"keep_originals": ["stranger"]}', "keep_originals names a tenant"),
        ("tags", '{"consentry-stack": "mine"}', "set by the program"),
        ("wrokers", "3", "consentry:wrokers"),
    ],
)
def test_wrong_value_is_refused_by_its_key(key: str, value: str, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        StackConfig.load({**example(), f"consentry:{key}": value})
    assert where in str(error.value)


def test_missing_package_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make package"):
        file_digest(tmp_path / "none.zip")


@pytest.mark.parametrize("stack", ["co", "contoso", "a-very-long-stack-name-of-32-chars", "x" * 32])
def test_names_fit_azure_for_every_stack_name(stack: str) -> None:
    stack = stack[:32].strip("-")
    names = Names(stack, "00000000-0000-4000-8000-000000000000")
    for kind, name in {
        "storage:StorageAccount": names.work_account,
        "keyvault:Vault": names.vault,
        "web:WebApp": names.app,
        "web:AppServicePlan": names.plan,
        "eventgrid:SystemTopic": names.topic,
        "operationalinsights:Workspace": names.workspace,
        "storage:Queue": f"azure-webjobs-blobtrigger-{names.host_id}",
    }.items():
        assert NAME_LIMITS[kind][1].allows(name), (kind, name)
    assert len(names.host_id) <= 32


@pytest.mark.parametrize("stack", ["", "a", "Contoso", "-contoso", "a_b", "x" * 33])
def test_unusable_stack_name_is_refused(stack: str) -> None:
    with pytest.raises(ConfigError, match="A stack is named"):
        Names(stack, "s")


@pytest.mark.parametrize("stack", ["microsoft", "my-windows-shop", "micro-soft"])
def test_stack_whose_names_azure_reserves_is_refused(stack: str) -> None:
    with pytest.raises(ConfigError, match="microsoft or windows"):
        Names(stack, "s")


@pytest.mark.parametrize("name", ["outlook", "logindesk", "mymicrosoft", "windows1"])
def test_reserved_word_is_no_name_of_what_has_an_address(name: str) -> None:
    for kind in ("storage:StorageAccount", "keyvault:Vault", "web:WebApp"):
        assert not NAME_LIMITS[kind][1].allows(name)
    assert NAME_LIMITS["storage:BlobContainer"][1].allows(name)
    assert NAME_LIMITS["web:WebApp"][1].allows(f"my-{name.removeprefix('my')}") is (
        name in ("outlook", "logindesk")
    )


def test_names_differ_by_subscription_and_stay_the_same() -> None:
    def all_names(subscription: str) -> dict[str, Any]:
        return vars(Names("contoso", subscription))

    assert all_names("a") == all_names("a")
    assert all_names("a")["work_account"] != all_names("b")["work_account"]
    assert Names("contoso", "a").guid("x") != Names("contoso", "b").guid("x")


def test_app_registration_has_the_roles_of_the_service_and_its_tokens_are_of_version_2() -> None:
    registration = json.loads((EXAMPLE.parent / "app-registration.json").read_text("utf-8"))
    roles = {role["value"]: role["allowedMemberTypes"] for role in registration["appRoles"]}
    assert set(roles) == {f"{ROLE_PREFIX}{role}" for role in Role}
    assert {name for name, who in roles.items() if "Application" in who} == {"Consentry.Caller"}
    assert registration["api"]["requestedAccessTokenVersion"] == 2
    [scope] = registration["api"]["oauth2PermissionScopes"]
    [allowed] = registration["api"]["preAuthorizedApplications"]
    assert allowed["delegatedPermissionIds"] == [scope["id"]]
    ids = [scope["id"], *(role["id"] for role in registration["appRoles"])]
    assert len(set(ids)) == len(ids) == 6
