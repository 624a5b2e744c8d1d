"""Every role is enough and needed: without any one of them, what it is for fails, and only then."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from azure.core.exceptions import AzureError
from tests.infra.live import Live, withdrawn
from tests.support.jobs import film
from tests.support.layer import sample
from tests.support.polling import until

from consentry.azure.blobs import AzureBlobStore
from consentry.azure.names import Container, TableName
from consentry.azure.tables import AzureTable
from consentry.cli.client import KEY_HEADER
from consentry.errors import ConflictError, ConsentryError
from consentry.trust.operations import Capability
from consentry_infra.roles import Role
from local.cloud import Resource
from local.identity import Who
from local.kinds import PREFIX, SUBSCRIPTION
from local.tenancy import REVIEWERS, detect, person

pytestmark = pytest.mark.slow

BLOB_EVENTS = "app-queue-contributor-blob-events"
SECONDS = 60.0
# Telemetry leaves the host by a way that the local cloud does not have.
UNSEEN = {"app-metrics-publisher-insights"}


def ready(live: Live) -> None:
    with live.tenancy.client() as client:
        client.get("/ready").raise_for_status()


def redact(live: Live) -> None:
    with live.tenancy.client() as client:
        client.post(
            "/redactions",
            content=sample("person_a_1.jpg"),
            headers={"Content-Type": "image/jpeg"},
        ).raise_for_status()


def start(live: Live) -> None:
    """As a new instance starts: it has nothing in memory."""
    live.machine.real.sites.restart(live.tenancy.site)


def start_and_redact(live: Live) -> None:
    start(live)
    redact(live)


def find_face(live: Live) -> None:
    with live.tenancy.client() as client:
        detect(client, sample("person_a_1.jpg"), live.consent)


def decide(live: Live) -> None:
    live.tenancy.approve(Capability.REDACT)


def ask_for_address(live: Live) -> None:
    with live.tenancy.client() as client:
        client.post("/uploads", json={"name": f"{uuid4()}.jpg"}).raise_for_status()


def start_and_ask_for_address(live: Live) -> None:
    start(live)
    ask_for_address(live)


def look_up(path: str) -> Callable[[Live], None]:
    """Ask for something that is not there: who may look is told so."""

    def act(live: Live) -> None:
        with live.tenancy.client() as client:
            reply = client.get(f"/{path}/{uuid4()}")
        if reply.status_code != httpx.codes.NOT_FOUND:
            reply.raise_for_status()
            pytest.fail(f"{path} answered {reply.status_code}")

    return act


def call_with_new_key(live: Live) -> None:
    headers = {KEY_HEADER: live.tenancy.make_key()}
    with httpx.Client(base_url=live.tenancy.endpoint, headers=headers) as client:
        client.post("/uploads", json={"name": f"{uuid4()}.jpg"}).raise_for_status()


def drop(live: Live, data: bytes) -> None:
    name = f"{live.tenancy.tenant}/{uuid4()}.jpg"
    live.tenancy.uploader.write(Container.INBOX, name, data, content_type="image/jpeg")


def drop_photo(live: Live) -> None:
    drop(live, sample("person_a_1.jpg"))


def drop_rubbish(live: Live) -> None:
    drop(live, b"no picture")


def drop_video(live: Live) -> None:
    drop(live, film(1))


def drop_while_nobody_listens(live: Live) -> None:
    undelivered = live.machine.real.events.undelivered
    with withdrawn(live.cloud, live.assignments()[BLOB_EVENTS]):
        drop_photo(live)
        until(lambda: live.machine.real.events.undelivered > undelivered, SECONDS)


def wait(live: Live) -> None:
    """The host does it by itself."""
    del live


def review(live: Live) -> None:
    credential = live.tenancy.credential(person("ada", REVIEWERS))
    endpoint = live.tenancy.work.replace(".blob.", ".table.")
    AzureTable(endpoint, credential, TableName.ACCESS).get("x", "y")


def audit(live: Live) -> None:
    assert list(live.tenancy.auditor.list())


def collect(live: Live) -> None:
    live.tenancy.uploader.properties(Container.REDACTED, "x")


ACTIONS: dict[str, Callable[[Live], None]] = {
    "app-blob-contributor-inbox": ready,
    "app-blob-contributor-pieces": drop_video,
    "app-blob-contributor-redacted": drop_photo,
    "app-blob-contributor-quarantine": drop_rubbish,
    "app-blob-contributor-manifests": redact,
    "app-blob-contributor-deletions": look_up("deletions"),
    "app-audit-appender-audit": ready,
    "app-audit-appender-decisions": decide,
    "app-blob-owner-deployment": start,
    "app-blob-owner-azure-webjobs-hosts": start,
    "app-blob-owner-azure-webjobs-secrets": start,
    "app-table-contributor-access": ready,
    "app-table-contributor-callers": call_with_new_key,
    "app-table-contributor-consents": look_up("consents"),
    "app-table-contributor-datakeys": start_and_redact,
    "app-table-contributor-jobs": look_up("redactions"),
    "app-table-contributor-quotas": start_and_redact,
    "app-table-contributor-templates": find_face,
    "app-table-contributor-uploads": ask_for_address,
    BLOB_EVENTS: wait,
    "app-queue-contributor-poison": wait,
    "app-queue-contributor-video": wait,
    "app-queue-contributor-video-poison": wait,
    "app-blob-delegator-work": start_and_ask_for_address,
    "app-crypto-user-consentry-signing": redact,
    "app-crypto-user-consentry-decisions": decide,
    "app-crypto-wrapper-consentry-wrapping": start_and_redact,
    "topic-blob-contributor-undelivered": drop_while_nobody_listens,
    "reviewers-table-reader-access": review,
    "auditors-blob-reader-audit": audit,
    "uploaders-blob-contributor-inbox": drop_photo,
    "uploaders-blob-reader-redacted": collect,
}


def refusals(live: Live, assignment: Resource) -> int:
    """How often somebody was refused something at an assignment's scope, or below it."""
    return sum(
        f"{refusal.need.scope}/".startswith(f"{assignment.inputs['scope']}/")
        and assignment.inputs["principalId"] in refusal.who.principals
        for refusal in live.machine.rights.refused
    )


def works(live: Live, name: str, assignment: Resource) -> bool:
    """Do what a role is for; tell whether the role carried it, or it was refused."""
    used = live.machine.rights.relied_on[assignment.id]
    refused = refusals(live, assignment)
    try:
        ACTIONS[name](live)
    except (httpx.HTTPError, ConsentryError, AzureError):
        assert refusals(live, assignment) > refused
        return False
    until(
        lambda: (
            live.machine.rights.relied_on[assignment.id] > used
            or refusals(live, assignment) > refused
        ),
        SECONDS,
    )
    return refusals(live, assignment) == refused


def test_every_role_of_the_stack_has_its_test(live: Live) -> None:
    assert ACTIONS.keys() | UNSEEN == live.assignments().keys()


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_without_this_role_what_it_is_for_fails(live: Live, name: str) -> None:
    assignment = live.assignments()[name]
    with withdrawn(live.cloud, assignment):
        assert not works(live, name, assignment)
    assert works(live, name, assignment)


def test_with_all_roles_nothing_is_refused_to_anybody(live: Live) -> None:
    before = len(live.machine.rights.refused)
    live.tenancy.redact_by_upload(f"{uuid4()}.jpg", sample("person_a_2.jpg"))
    live.tenancy.redact_by_upload(f"{uuid4()}.mp4", film(1))
    assert live.tenancy.verify(sample("person_a_1.jpg"), sample("person_a_2.jpg"), live.consent)
    start_and_redact(live)
    assert live.machine.rights.refused[before:] == []


def test_the_app_can_neither_overwrite_nor_delete_nor_mark_what_is_in_the_log(live: Live) -> None:
    app = AzureBlobStore(live.tenancy.evidence, live.tenancy.credential(live.tenancy.app))
    name = next(iter(live.tenancy.auditor.list())).name
    before = live.tenancy.auditor.read(name)
    with pytest.raises(ConsentryError, match="403: AuthorizationPermissionMismatch"):
        app.delete(Container.AUDIT, name)
    with pytest.raises(ConsentryError, match="403: AuthorizationPermissionMismatch"):
        app.write(Container.AUDIT, name, b"", content_type="text/plain")
    assert live.tenancy.auditor.read(name)[: len(before)] == before


def test_not_even_an_owner_deletes_or_overwrites_what_is_in_the_log(live: Live) -> None:
    owner = Who(str(uuid4()))
    [account] = [
        found
        for found in live.cloud.of("storage:StorageAccount")
        if found.outputs["primaryEndpoints"]["blob"] == live.tenancy.evidence
    ]
    roles = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    made = live.cloud.create(
        f"{PREFIX}authorization:RoleAssignment",
        {
            "scope": account.id,
            "principalId": owner.object_id,
            "principalType": "User",
            "roleDefinitionId": f"{roles}/{Role.BLOB_OWNER}",
            "roleAssignmentName": str(uuid4()),
        },
    )
    try:
        store = AzureBlobStore(live.tenancy.evidence, live.tenancy.credential(owner))
        name = next(iter(live.tenancy.auditor.list())).name
        assert store.properties(Container.AUDIT, name) is not None
        with pytest.raises(ConflictError):
            store.delete(Container.AUDIT, name)
        with pytest.raises(ConflictError):
            store.write(Container.AUDIT, name, b"", content_type="text/plain")
        assert live.tenancy.auditor.read(name)
    finally:
        live.cloud.delete(made.id)
