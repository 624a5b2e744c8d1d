"""Every function whose address names a thing, asked for another tenant's: it does not exist."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.consenting import ConsentingApp
from tests.support.governance import DOOR
from tests.support.layer import sample
from tests.support.service import STRANGER, TENANT, make_world

from consentry.azure.names import Container, TableName
from consentry.service.inbox_names import UploadName
from consentry.trust.operations import Role
from entry import Endpoint
from registry import register_all

PHOTO = sample("person_a_1.jpg")
OF_THE_OPERATOR = {
    "decide_application",
    "decisions",
    "suspend_application",
    "resume_application",
    "revoke_application",
    "create_key",
    "caller_keys",
    "revoke_key",
    "erase_tenant",
    "erasure",
}
"""Functions for roles that see all tenants; nobody of a tenant has such a role."""
WITHOUT_IDS = {"detect", "verify", "one_to_many"}
"""Functions whose address names a version of the interface; face ids stand in a body."""

ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for api in register_all(lambda: pytest.fail("no service is needed to register functions"))
    for endpoint in api.endpoints
    if "{" in endpoint.route and endpoint.name not in WITHOUT_IDS
}


class Neighbours(ConsentingApp):
    """Two approved tenants, of whom one has a thing of every kind."""

    def __init__(self) -> None:
        super().__init__(make_world())
        for tenant in (TENANT, STRANGER):
            self.world.approve(tenant)
        case = self.ask("apply", person=(Role.APPLICANT, "alan"), document=DOOR, expect=201)["id"]
        consent, ended = self.give("p-1"), self.give("p-2")
        self.withdraw(ended)
        self.ask("enrol_reference", route={"id": consent}, method="PUT", body=PHOTO)
        self.world.drop(f"{TENANT}/a.jpg", PHOTO, claims=f"0@{consent}")
        self.world.arrive(f"{TENANT}/a.jpg")
        upload = UploadName.parse(f"{TENANT}/a.jpg").upload_id
        [output] = self.ask("consent_outputs", method="GET", route={"id": consent})["outputs"]
        redaction = self.reply("redact", body=PHOTO).headers["X-Consentry-Manifest"].split("/")[2]
        job = self.ask("redact", document={"name": "clip.mp4"}, expect=202)["id"]
        self.run("seal_audit_log")
        record = next(one for one in self.world.records() if one.get("tenant") == TENANT)
        own = set(ENDPOINTS) - OF_THE_OPERATOR
        applications = {name: case for name in own if name.endswith("application")}
        consents = {name: consent for name in ENDPOINTS if "consent" in name}
        uploads = {name: upload for name in ENDPOINTS if name.startswith("upload_")}
        jobs = dict.fromkeys(("redaction_job", "cancel_redaction_job"), job)
        self.ids: dict[str, str] = {
            **applications,
            **consents,
            **uploads,
            **jobs,
            "audit_record": record["id"],
            "deletion_receipt": ended,
            "enrol_reference": consent,
            "redact_again": consent,
            "redaction_content": job,
            "redaction_manifest": redaction,
        }
        self.output = output["id"]

    def visit(self, name: str, tenant: str) -> Any:
        """Ask a function for the thing, as whoever of a tenant may ask it for things at all."""
        endpoint = ENDPOINTS[name]
        request: dict[str, Any] = {
            "method": endpoint.methods[0],
            "route": {"id": self.ids[name], "output": self.output},
            "tenant": tenant,
        }
        if name.endswith("application"):
            request["person"] = (Role.APPLICANT, "alan")
        if name == "edit_application":
            request |= {"body": json.dumps(DOOR).encode(), "content_type": "application/json"}
        if name == "enrol_reference":
            request["body"] = PHOTO
        return self.reply(name, **request)

    def things(self) -> dict[str, Any]:
        """All rows and blobs, but what counts calls."""
        rows: dict[str, Any] = {
            name: [(row.partition, row.row, copy.copy(row.values)) for row in table.query()]
            for name, table in self.world.tables.items()
            if name is not TableName.QUOTAS
        }
        blobs: dict[str, Any] = {
            name: self.world.names(name) for name in Container if name is not Container.AUDIT
        }
        return {**rows, **blobs}


@pytest.fixture(scope="module")
def neighbours() -> Neighbours:
    return Neighbours()


def test_every_function_that_names_a_thing_is_tried(neighbours: Neighbours) -> None:
    assert set(neighbours.ids) | OF_THE_OPERATOR == set(ENDPOINTS)


@pytest.mark.parametrize("name", sorted(set(ENDPOINTS) - OF_THE_OPERATOR))
def test_another_tenants_thing_does_not_exist(neighbours: Neighbours, name: str) -> None:
    before = neighbours.things()
    reply = neighbours.visit(name, STRANGER)
    if name == "consent_outputs":
        assert json.loads(reply.get_body()) == {"outputs": []}
    else:
        assert reply.status_code == 404
    assert neighbours.things() == before


@pytest.mark.parametrize(
    "name", sorted(name for name, one in ENDPOINTS.items() if one.methods == ["GET"])
)
def test_its_owner_finds_it(neighbours: Neighbours, name: str) -> None:
    if name in OF_THE_OPERATOR:
        assert neighbours.reply(name, method="GET").status_code == 403
    elif name == "redaction_content":
        assert neighbours.visit(name, TENANT).status_code == 404  # the job has not ended
    else:
        assert neighbours.visit(name, TENANT).status_code in (200, 302)
