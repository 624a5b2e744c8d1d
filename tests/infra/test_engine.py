"""The real engine over the real program: create, keep, change, refuse, destroy."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandError
from tests.infra.policy import STANDING_ROLES
from tests.infra.registered import AUDITORS, REVIEWERS

from local.cloud import Cloud
from local.kinds import PREFIX
from local.rehearsal import Rehearsal, rehearsal

Start = Callable[[str], AbstractContextManager[Rehearsal]]

# What holds data or keys, and what all of that lies in.
PROTECTED = {
    "keyvault:Key",
    "keyvault:Vault",
    "resources:ResourceGroup",
    "storage:BlobContainer",
    "storage:BlobContainerImmutabilityPolicy",
    "storage:BlobServiceProperties",
    "storage:Queue",
    "storage:StorageAccount",
    "storage:Table",
}


def write_package(path: Path, text: str) -> Path:
    """A package as small as the deployment endpoint takes one."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("host.json", "{}")
        archive.writestr("function_app.py", text)
    return path


def values(package: Path, **changes: Any) -> dict[str, Any]:
    return {
        "tenants": ["contoso"],
        "location": "westeurope",
        "jurisdiction": "DE",
        "contacts": ["privacy@contoso.example"],
        "people": {"reviewers": REVIEWERS, "auditors": AUDITORS},
        "budget": {"monthly": 100, "start": "2026-01-01"},
        "package": str(package),
        **changes,
    }


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("package") / "package.zip", "first")


@pytest.fixture(scope="module")
def deployed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A stack that has been brought up once."""
    with rehearsal("contoso", tmp_path_factory.mktemp("engine")) as stack:
        stack.configure(values(package))
        assert stack.up().none is False
        yield stack


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Make a stack of its own for a test that ends it."""
    return partial(rehearsal, scratch=tmp_path / "engine")


def kinds(cloud: Cloud) -> set[str]:
    return {resource.token.removeprefix(PREFIX) for resource in cloud.resources}


def positions(stack: Rehearsal, verb: str, part: str = "") -> list[int]:
    """When the cloud was asked for something, as places in the order of all requests."""
    return [
        place
        for place, asked in enumerate(stack.cloud.asked)
        if asked.verb == verb and re.search(part, asked.what)
    ]


def needs(stack: Rehearsal) -> dict[str, set[str]]:
    """For each resource of the state, by type and name, all that must exist before it."""
    direct: dict[str, set[str]] = {}
    for resource in stack.state():
        parent = {resource["parent"]} if "parent" in resource else set()
        direct[resource["urn"]] = {*resource.get("dependencies", []), *parent}

    def all_of(urn: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found = direct.get(urn, set()) - seen
        deeper = (all_of(other, seen | found) for other in found)
        return found.union(*deeper)

    def short(urn: str) -> str:
        _, _, kind, name = urn.split("::")
        return f"{kind.rpartition('$')[2]}::{name}"

    return {short(urn): {short(other) for other in all_of(urn)} for urn in direct}


def test_first_up_creates_everything_in_a_legal_order(deployed: Rehearsal) -> None:
    # The cloud refuses what refers to something that does not exist, so the order was legal.
    assert len(deployed.cloud.resources) > 60
    [app] = positions(deployed, "create", r"/sites/[^/]+$")
    roles = positions(deployed, "create", "/roleAssignments/")
    [published] = positions(deployed, "publish")
    [subscription] = positions(deployed, "create", "/eventSubscriptions/")
    assert len(roles) == len(STANDING_ROLES)
    assert max(roles) < app < published < subscription


def test_graph_says_what_must_exist_before_what(deployed: Rehearsal) -> None:
    graph = needs(deployed)
    app = graph["azure-native:web:WebApp::app"]
    roles = {name for name in graph if name.startswith("azure-native:authorization:RoleAssignment")}
    assert len(roles) == len(STANDING_ROLES)
    assert roles <= app
    published = "pulumi-python:dynamic/consentry:PublishedPackage::package"
    assert "azure-native:web:WebApp::app" in graph[published]
    assert "azure-native:web:WebAppScmAllowed::no-passwords-scm" in graph[published]
    assert published in graph["azure-native:eventgrid:SystemTopicEventSubscription::inbox-events"]
    assert "azure-native:storage:BlobContainerImmutabilityPolicy::audit-lock" in app


def test_second_up_changes_nothing(deployed: Rehearsal) -> None:
    before = len(deployed.cloud.asked)
    assert deployed.preview().none
    assert deployed.up().none
    assert len(deployed.cloud.asked) == before


def test_changed_configuration_updates_exactly_what_it_names(
    deployed: Rehearsal, package: Path
) -> None:
    before = len(deployed.cloud.asked)
    deployed.configure(
        values(package, capacity={"instances_max": 10}, retention={"redacted_days": 7})
    )
    foreseen = deployed.preview()
    assert (foreseen.of("update"), foreseen.of("create", "delete", "replace")) == (2, 0)
    deployed.up()
    asked = deployed.cloud.asked[before:]
    assert {item.verb for item in asked} == {"update"}
    assert sorted(item.what.rsplit("/", 2)[1] for item in asked) == ["managementPolicies", "sites"]


def test_changed_package_is_published_again_and_nothing_else_happens(
    deployed: Rehearsal, package: Path
) -> None:
    before = len(deployed.cloud.asked)
    write_package(package, "second")
    deployed.up()
    assert [item.verb for item in deployed.cloud.asked[before:]] == ["publish"]
    assert len(set(deployed.cloud.published)) == 2


@pytest.mark.parametrize(
    "change", [{"location": "northeurope"}, {"vault": {"hsm": True}}], ids=["location", "key type"]
)
def test_change_that_would_replace_what_holds_data_is_refused(
    deployed: Rehearsal, package: Path, change: dict[str, Any]
) -> None:
    before = deployed.cloud.resources
    deployed.configure(values(package, **change))
    with pytest.raises(CommandError, match="protect"):
        deployed.up()
    stateful = [r for r in before if r.token.removeprefix(PREFIX) in PROTECTED]
    now = {r.id for r in deployed.cloud.resources}
    assert {r.id for r in stateful} <= now
    deployed.configure(values(package))
    deployed.configure({"vault": {}})


def test_state_and_outputs_hold_no_key(deployed: Rehearsal) -> None:
    name = next(
        r.inputs["name"] for r in deployed.cloud.resources if r.token.endswith("web:WebApp")
    )
    keys = deployed.cloud.invoke("azure-native:web:listWebAppHostKeys", {"name": name})
    secrets = [keys["masterKey"], *keys["systemKeys"].values()]
    assert len(secrets) == 2
    stored = deployed.stored()
    assert "inbox-events" in stored
    told = json.dumps(deployed.outputs())
    assert not [secret for secret in secrets if secret in stored or secret in told]


def test_private_stack_is_destroyed_down_to_what_is_protected_and_then_to_nothing(
    start: Start, package: Path
) -> None:
    with start("fabrikam") as stack:
        private = {"private": True, "clients": ["203.0.113.0/24"]}
        stack.configure(values(package, tenants=["fabrikam"], network=private))
        stack.up()
        assert "network:PrivateEndpoint" in kinds(stack.cloud)
        everything = kinds(stack.cloud)
        with pytest.raises(CommandError, match="protect"):
            stack.destroy()
        stack.destroy(exclude_protected=True)
        assert kinds(stack.cloud) == everything & PROTECTED
        stack.configure({"protect": False})
        stack.up()
        stack.destroy()
        assert stack.cloud.resources == []
        assert stack.state() == []


def test_incomplete_configuration_is_refused_by_its_keys_before_anything_is_made(
    start: Start,
) -> None:
    with start("northwind") as stack:
        stack.configure({"tenants": ["northwind"], "capacity": {"memory_mb": 1}})
        with pytest.raises(CommandError) as error:
            stack.up()
        assert "consentry:location: Field required" in str(error.value)
        assert "consentry:capacity.memory_mb" in str(error.value)
        assert stack.cloud.resources == []
