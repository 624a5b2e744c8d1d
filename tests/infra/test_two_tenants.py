"""Two tenants' stacks side by side on one cloud: neither reaches anything of the other's."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.infra.live import Live, deployed
from tests.support.layer import sample

from consentry.trust.operations import Role
from local.identity import STORAGE, VAULT, Who
from local.tenancy import directory_of

pytestmark = pytest.mark.slow

STORAGE_VERSION = {"x-ms-version": "2021-12-02", "Accept": "application/json"}


@pytest.fixture(scope="module")
def pair(live: Live, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Live]]:
    """Both tenants, each with a stack of its own."""
    scratch = tmp_path_factory.mktemp("neighbour")
    package = dist / "consentry-package.zip"
    with deployed(live.machine, scratch, package, "fabrikam") as neighbour:
        yield [live, neighbour]
        neighbour.stack.destroy()


def belongings(of: Live) -> dict[str, tuple[str, str]]:
    """Everything that a tenant's stack keeps, as addresses at which to read it, and for whom."""
    found: dict[str, tuple[str, str]] = {}
    name = of.tenancy.site.removeprefix("func-consentry-")
    compact = name.replace("-", "")
    for resource in of.cloud.resources:
        inputs = resource.inputs
        account = inputs.get("accountName", "")
        if not (account.endswith(compact) or inputs.get("vaultName") == f"kv-{name}"):
            continue
        match resource.token.rpartition(":")[2]:
            case "BlobContainer":
                container = inputs["containerName"]
                base = f"https://{account}.blob.core.windows.net/{container}"
                found[f"container {container}"] = f"{base}?restype=container&comp=list", STORAGE
            case "Table":
                table = inputs["tableName"]
                address = f"https://{account}.table.core.windows.net/{table}()"
                found[f"table {table}"] = address, STORAGE
            case "Queue":
                queue = inputs["queueName"]
                base = f"https://{account}.queue.core.windows.net/{queue}/messages"
                found[f"queue {queue}"] = f"{base}?peekonly=true", STORAGE
            case "Key":
                key = inputs["keyName"]
                base = f"https://{inputs['vaultName']}.vault.azure.net/keys/{key}"
                found[f"key {key}"] = f"{base}?api-version=7.5", VAULT
    return found


def statuses(live: Live, who: Who, things: dict[str, tuple[str, str]]) -> dict[str, int]:
    """What somebody is answered who tries to read each thing."""
    answers = {}
    with httpx.Client() as client:
        for name, (address, resource) in things.items():
            token = live.machine.identities.issue(who, resource)
            headers = {**STORAGE_VERSION, "Authorization": f"Bearer {token}"}
            answers[name] = client.get(address, headers=headers).status_code
    return answers


@pytest.mark.parametrize(("mine", "theirs"), [(0, 1), (1, 0)])
def test_one_tenants_app_reads_nothing_of_the_others(
    pair: list[Live], mine: int, theirs: int
) -> None:
    things = belongings(pair[theirs])
    assert len([name for name in things if name.startswith("container")]) >= 11
    assert len([name for name in things if name.startswith("table")]) >= 7
    assert {name.split()[0] for name in things} == {"container", "table", "queue", "key"}
    assert set(statuses(pair[0], pair[mine].tenancy.app, things).values()) == {403}


@pytest.mark.parametrize("tenant", [0, 1])
def test_its_own_app_reads_all_but_what_nobody_delivers(pair: list[Live], tenant: int) -> None:
    answers = statuses(pair[0], pair[tenant].tenancy.app, belongings(pair[tenant]))
    assert {name for name, status in answers.items() if status != 200} == {"container undelivered"}


def test_one_tenants_people_are_nobody_at_the_other(pair: list[Live]) -> None:
    mine, theirs = (found.tenancy for found in pair)
    stranger = mine.token("app", Role.CALLER, directory=directory_of(mine.tenant))
    with theirs.client(stranger) as client:
        reply = client.post(
            "/redactions",
            content=sample("person_a_1.jpg"),
            headers={"Content-Type": "image/jpeg"},
        )
    assert reply.status_code == httpx.codes.UNAUTHORIZED


def test_an_upload_is_redacted_by_its_own_stack_alone(pair: list[Live]) -> None:
    mine, theirs = (found.tenancy for found in pair)
    mine.redact_by_upload("side-by-side.jpg", sample("person_a_1.jpg"))
    assert list(theirs.uploader.list("redacted", "")) == []
    assert theirs.uploader.properties("inbox", f"{mine.tenant}/side-by-side.jpg") is None
