"""What stands in front of the local cloud's storage: who may do what, and what nobody may."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

import httpx
import pytest
from tests.infra.policy import changed
from tests.infra.registered import Stack

from consentry_infra.roles import Role
from local.cloud import Resource
from local.identity import STORAGE, Who
from local.kinds import PREFIX, SUBSCRIPTION
from local.machine import Machine, machine

OWNER = Who("0aaaaaaa-0000-4000-8000-000000000001")
READER = Who("0aaaaaaa-0000-4000-8000-000000000002")
APPENDER = Who("0aaaaaaa-0000-4000-8000-000000000003")
ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
HEADERS = {"x-ms-version": "2021-12-02"}
BLOCK = {"x-ms-blob-type": "BlockBlob"}
SHARED_KEY = {"Authorization": "SharedKey ce:c2ln"}
FORGED = {"Authorization": "Bearer x.y.z"}
NONE: Mapping[str, str] = {}
Headers = Mapping[str, str]


@dataclass
class Evidence:
    """The evidence account with its containers, and clients for whoever asks."""

    machine: Machine
    account: Resource
    client: httpx.Client

    def ask(
        self, who: Who | None, method: str, path: str, body: bytes = b"", *, headers: Headers = NONE
    ) -> httpx.Response:
        if who is not None:
            token = self.machine.identities.issue(who, STORAGE)
            headers = {"Authorization": f"Bearer {token}", **headers}
        base = self.account.outputs["primaryEndpoints"]["blob"]
        return self.client.request(
            method, f"{base}{path}", content=body, headers={**HEADERS, **headers}
        )

    def put(self, who: Who, path: str, body: bytes = b"first") -> httpx.Response:
        return self.ask(who, "PUT", path, body, headers=BLOCK)


def assign(cloud: Machine, who: Who, role_id: str, scope: str) -> None:
    cloud.cloud.create(
        f"{PREFIX}authorization:RoleAssignment",
        {
            "scope": scope,
            "principalId": who.object_id,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": role_id,
            "roleAssignmentName": str(uuid4()),
        },
    )


@pytest.fixture(scope="module")
def evidence(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    with machine(tmp_path_factory.mktemp("cloud"), real=True) as running:
        cloud = running.cloud
        group = stack.one("resources:ResourceGroup")
        cloud.create(f"{PREFIX}resources:ResourceGroup", group.inputs)
        inputs = stack.one("storage:StorageAccount", "evidence").inputs
        account = cloud.create(f"{PREFIX}storage:StorageAccount", inputs)
        for kind, name in (
            ("storage:BlobContainer", "audit"),
            ("storage:BlobContainer", "decisions"),
            ("storage:BlobContainerImmutabilityPolicy", "audit-lock"),
            ("authorization:RoleDefinition", "audit-appender"),
        ):
            made = cloud.create(PREFIX + kind, stack.one(kind, name).inputs)
        assign(running, OWNER, f"{ROLES}/{Role.BLOB_OWNER}", account.id)
        containers = f"{account.id}/blobServices/default/containers"
        assign(running, READER, f"{ROLES}/{Role.BLOB_READER}", f"{containers}/audit")
        assign(running, APPENDER, made.id, f"{containers}/audit")
        trusted = ssl.create_default_context(cafile=running.surroundings["SSL_CERT_FILE"])
        with httpx.Client(proxy=running.surroundings["HTTPS_PROXY"], verify=trusted) as client:
            yield Evidence(running, account, client)


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.headers.get("x-ms-error-code", "")


def test_reader_of_one_container_reads_it_and_nothing_else(evidence: Evidence) -> None:
    assert evidence.put(OWNER, "audit/read.txt").status_code == HTTPStatus.CREATED
    assert evidence.ask(READER, "GET", "audit/read.txt").content == b"first"
    refused = (HTTPStatus.FORBIDDEN, "AuthorizationPermissionMismatch")
    assert code(evidence.put(READER, "audit/other.txt")) == refused
    assert code(evidence.ask(READER, "DELETE", "audit/read.txt")) == refused
    listing = "decisions?restype=container&comp=list"
    assert code(evidence.ask(READER, "GET", listing)) == refused
    assert evidence.ask(OWNER, "GET", "audit/other.txt").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("DELETE", ""),
        ("PUT", ""),
        ("PUT", "?comp=metadata"),
        ("PUT", "?comp=properties"),
        ("PUT", "?comp=tier"),
    ],
)
def test_not_even_the_owner_changes_what_a_policy_keeps(
    evidence: Evidence, method: str, query: str
) -> None:
    name = f"{uuid4()}.txt"
    evidence.put(OWNER, f"audit/{name}")
    reply = evidence.ask(OWNER, method, f"audit/{name}{query}", b"second", headers=BLOCK)
    assert code(reply) == (HTTPStatus.CONFLICT, "BlobImmutableDueToPolicy")
    assert evidence.ask(OWNER, "GET", f"audit/{name}").content == b"first"


def test_without_a_policy_the_owner_may(evidence: Evidence) -> None:
    evidence.put(OWNER, "decisions/x.txt")
    assert evidence.put(OWNER, "decisions/x.txt", b"second").status_code == HTTPStatus.CREATED
    assert evidence.ask(OWNER, "DELETE", "decisions/x.txt").status_code == HTTPStatus.ACCEPTED


def test_appender_creates_and_appends_and_can_do_no_more(evidence: Evidence) -> None:
    name = f"audit/{uuid4()}.jsonl"
    kind = {"x-ms-blob-type": "AppendBlob"}
    assert evidence.ask(APPENDER, "PUT", name, headers=kind).status_code == HTTPStatus.CREATED
    for line in (b"one\n", b"two\n"):
        reply = evidence.ask(APPENDER, "PUT", f"{name}?comp=appendblock", line)
        assert reply.status_code == HTTPStatus.CREATED
    assert evidence.ask(APPENDER, "PUT", name, headers=kind).status_code == HTTPStatus.FORBIDDEN
    assert evidence.ask(APPENDER, "DELETE", name).status_code == HTTPStatus.FORBIDDEN
    assert evidence.ask(READER, "GET", name).content == b"one\ntwo\n"


def test_keys_of_the_account_and_nameless_readers_open_nothing(evidence: Evidence) -> None:
    evidence.put(OWNER, "audit/closed.txt")
    shared = evidence.ask(None, "GET", "audit/closed.txt", headers=SHARED_KEY)
    assert code(shared) == (HTTPStatus.FORBIDDEN, "KeyBasedAuthenticationNotPermitted")
    signed = evidence.ask(None, "GET", "audit/closed.txt?sv=2021-12-02&sp=r&sig=x")
    assert code(signed) == (HTTPStatus.FORBIDDEN, "KeyBasedAuthenticationNotPermitted")
    nameless = evidence.ask(None, "GET", "audit/closed.txt")
    assert code(nameless) == (HTTPStatus.CONFLICT, "PublicAccessNotPermitted")
    forged = evidence.ask(None, "GET", "audit/closed.txt", headers=FORGED)
    assert forged.status_code == HTTPStatus.UNAUTHORIZED


def test_account_that_were_open_would_show_it(evidence: Evidence) -> None:
    """The stand-in goes by the program's properties; it does not refuse out of habit."""
    evidence.put(OWNER, "audit/open.txt")
    weaker = changed(evidence.account.inputs, "allowBlobPublicAccess", True)
    evidence.machine.cloud.update(evidence.account.id, weaker)
    try:
        reply = evidence.ask(None, "GET", "audit/open.txt")
        assert code(reply) == (HTTPStatus.UNAUTHORIZED, "NoAuthenticationInformation")
        shared = changed(weaker, "allowSharedKeyAccess", True)
        evidence.machine.cloud.update(evidence.account.id, shared)
        signed = evidence.ask(None, "GET", "audit/open.txt", headers=SHARED_KEY)
        assert code(signed)[1] != "KeyBasedAuthenticationNotPermitted"
    finally:
        evidence.machine.cloud.update(evidence.account.id, evidence.account.inputs)


def test_operation_that_is_not_known_is_refused_by_name(evidence: Evidence) -> None:
    reply = evidence.ask(OWNER, "PUT", "audit/x.txt?comp=undelete")
    assert reply.status_code == HTTPStatus.NOT_IMPLEMENTED
    assert reply.headers["x-consentry-unknown"] == "PUT comp=undelete"


def test_no_other_name_is_reached_through_the_local_cloud(evidence: Evidence) -> None:
    with pytest.raises(httpx.ProxyError):
        evidence.client.get("https://example.com/")


def test_client_that_does_not_trust_the_certificate_is_not_served(evidence: Evidence) -> None:
    with (
        httpx.Client(proxy=evidence.machine.surroundings["HTTPS_PROXY"], trust_env=False) as client,
        pytest.raises(httpx.ConnectError, match="certificate verify failed"),
    ):
        client.get(evidence.account.outputs["primaryEndpoints"]["blob"])


def test_identity_endpoint_knows_its_own_only(evidence: Evidence) -> None:
    endpoint = evidence.machine.surroundings["IDENTITY_ENDPOINT"]
    header = evidence.machine.environment(READER)["IDENTITY_HEADER"]
    query = {"resource": STORAGE}
    good = httpx.get(endpoint, params=query, headers={"X-IDENTITY-HEADER": header})
    assert good.json()["access_token"]
    for wrong in ({"X-IDENTITY-HEADER": "guess"}, {}):
        reply = httpx.get(endpoint, params=query, headers=wrong)
        assert reply.status_code == HTTPStatus.BAD_REQUEST
    other = {**query, "client_id": "0aaaaaaa-0000-4000-8000-000000000009"}
    reply = httpx.get(endpoint, params=other, headers={"X-IDENTITY-HEADER": header})
    assert reply.status_code == HTTPStatus.BAD_REQUEST
