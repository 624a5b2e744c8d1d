"""The local cloud takes what Azure takes, and refuses the rest by name."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.infra.policy import changed
from tests.infra.registered import Stack

from local.checks import FLEX_REFUSES, problems
from local.cloud import Cloud, RefusedError
from local.kinds import KINDS, PREFIX

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra" / "consentry_infra"
FUNCTIONS = ROOT / "functions"


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def inputs(stack: Stack, kind: str, name: str | None = None) -> dict[str, Any]:
    return stack.one(kind, name).inputs


def test_unknown_type_is_refused_by_name(cloud: Cloud) -> None:
    token = f"{PREFIX}compute:VirtualMachine"
    with pytest.raises(RefusedError, match=token):
        cloud.create(token, {})
    assert cloud.resources == []
    assert cloud.asked == []


def test_unknown_question_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(RefusedError, match="listStorageAccountKeys"):
        cloud.invoke("azure-native:storage:listStorageAccountKeys", {})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_required_property_is_asked_for(kind: str) -> None:
    found = problems(f"{PREFIX}{kind}", {"properties": {}})
    for name in KINDS[kind].required:
        if name != "properties":
            assert f"{kind}: the property {name} is required" in found


@pytest.mark.parametrize("setting", sorted(FLEX_REFUSES))
def test_setting_that_flex_refuses_is_refused(stack: Stack, setting: str) -> None:
    app = inputs(stack, "web:WebApp")
    settings = [*app["siteConfig"]["appSettings"], {"name": setting, "value": "1"}]
    found = problems(f"{PREFIX}web:WebApp", changed(app, "siteConfig.appSettings", settings))
    assert found == [f"web:WebApp: Flex Consumption refuses the setting {setting}"]


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("storage:StorageAccount", "work", "sku.name", "Standard_XRS"),
        ("storage:StorageAccount", "work", "minimumTlsVersion", "TLS9"),
        ("keyvault:Key", "consentry-wrapping", "properties.keySize", 1024),
        ("eventgrid:SystemTopicEventSubscription", None, "retryPolicy.maxDeliveryAttempts", 31),
        ("web:WebApp", None, "functionAppConfig.scaleAndConcurrency.instanceMemoryMB", 1024),
    ],
)
def test_value_that_azure_does_not_know_is_refused(
    stack: Stack, kind: str, name: str | None, path: str, value: object
) -> None:
    assert problems(PREFIX + kind, inputs(stack, kind, name)) == []
    assert len(problems(PREFIX + kind, changed(inputs(stack, kind, name), path, value))) == 1


@pytest.mark.parametrize(
    ("kind", "prop", "name"),
    [
        ("storage:StorageAccount", "accountName", "cwtoolongforastorageaccount"),
        ("storage:StorageAccount", "accountName", "cw-contoso"),
        ("storage:StorageAccount", "accountName", "cwwindows"),
        ("keyvault:Vault", "vaultName", "kv--contoso"),
        ("web:WebApp", "name", "login-contoso"),
        ("storage:BlobContainer", "containerName", "In_Box"),
        ("storage:Table", "tableName", "my-table"),
    ],
)
def test_name_that_azure_does_not_take_is_refused(
    stack: Stack, kind: str, prop: str, name: str
) -> None:
    one = next(resource for resource in stack.of(kind))
    assert problems(PREFIX + kind, one.inputs) == []
    [found] = problems(PREFIX + kind, changed(one.inputs, prop, name))
    assert name in found


def test_deleted_vault_keeps_its_name(cloud: Cloud, stack: Stack) -> None:
    for kind in ("resources:ResourceGroup", "keyvault:Vault"):
        made = cloud.create(f"{PREFIX}{kind}", inputs(stack, kind))
    cloud.delete(made.id)
    with pytest.raises(RefusedError, match="must be recovered"):
        cloud.create(f"{PREFIX}keyvault:Vault", inputs(stack, "keyvault:Vault"))


def test_what_lies_below_nothing_or_refers_to_nothing_is_refused(
    cloud: Cloud, stack: Stack
) -> None:
    with pytest.raises(RefusedError, match="does not exist"):
        cloud.create(
            f"{PREFIX}storage:BlobContainer", inputs(stack, "storage:BlobContainer", "inbox")
        )
    cloud.create(f"{PREFIX}resources:ResourceGroup", inputs(stack, "resources:ResourceGroup"))
    with pytest.raises(RefusedError, match="refers to"):
        cloud.create(f"{PREFIX}eventgrid:SystemTopic", inputs(stack, "eventgrid:SystemTopic"))
    assert len(cloud.resources) == 1


def test_what_still_holds_something_cannot_be_deleted(cloud: Cloud, stack: Stack) -> None:
    group = cloud.create(
        f"{PREFIX}resources:ResourceGroup", inputs(stack, "resources:ResourceGroup")
    )
    account = cloud.create(
        f"{PREFIX}storage:StorageAccount", inputs(stack, "storage:StorageAccount", "work")
    )
    with pytest.raises(RefusedError, match="still holds"):
        cloud.delete(group.id)
    cloud.delete(account.id)
    cloud.delete(group.id)
    assert cloud.resources == []


def test_app_has_its_webhook_key_only_once_code_runs(cloud: Cloud, stack: Stack) -> None:
    for kind in ("resources:ResourceGroup", "web:AppServicePlan"):
        cloud.create(f"{PREFIX}{kind}", inputs(stack, kind))
    app = inputs(stack, "web:WebApp")
    bare = {**app, "identity": {"userAssignedIdentities": []}, "functionAppConfig": {}}
    cloud.create(f"{PREFIX}web:WebApp", bare)
    question = "azure-native:web:listWebAppHostKeys"
    assert cloud.invoke(question, {"name": app["name"]})["systemKeys"] == {}
    cloud.publish(app["name"], "digest")
    assert cloud.invoke(question, {"name": app["name"]})["systemKeys"]


def test_accounts_vaults_and_roles_are_made_by_their_wrappers_only() -> None:
    raw = {
        r"storage\.StorageAccount\(": "secure.py",
        r"storage\.BlobContainer\(": "secure.py",
        r"keyvault\.Vault\(": "secure.py",
        r"keyvault\.Key\(": "secure.py",
        r"authorization\.RoleAssignment\(": "roles.py",
    }
    for call, home in raw.items():
        users = {p.name for p in INFRA.glob("*.py") if re.search(call, p.read_text("utf-8"))}
        assert users == {home}


def test_neither_program_nor_functions_know_that_a_cloud_is_local() -> None:
    sources = [*INFRA.glob("*.py"), INFRA.parent / "__main__.py", *FUNCTIONS.glob("*.py")]
    assert len(sources) > 30
    for source in sources:
        text = source.read_text(encoding="utf-8")
        assert not re.search(r"localhost|127\.0\.0\.1|azurite|(from|import) local\b", text), source
