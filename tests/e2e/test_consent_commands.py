"""Consents and records by the command line, against a running stack."""

from datetime import UTC, datetime

from tests.support.deployment import APPROVED, OTHER, ROOT, Deployment
from tests.support.layer import sample
from tests.support.shell import SAMPLES, Shell

from consentry.azure.names import Container
from consentry.localhost.issuer import make_issuer, make_token
from consentry.trust.operations import Role
from consentry.vision import Profile

PHOTO = "person_a_2.jpg"


def faces_in(running: Deployment, data: bytes) -> int:
    vision = running.services.vision
    return len(vision.detect(vision.read(data), Profile.FAST))


def test_what_relied_on_a_withdrawn_receipt_is_listed_and_masked(
    shell: Shell, running: Deployment
) -> None:
    example = ROOT / "docs" / "consent.example.toml"
    given = shell("consent", "give", "--file", example, "--subject", "p-impact")
    receipt, name = given["id"], f"{APPROVED}/impact.jpg"
    shell("consent", "reference", receipt, SAMPLES / "person_a_1.jpg")
    claims = f"0@{receipt}"
    with running.client() as http:
        headers = {"Content-Type": "application/octet-stream", "X-Consentry-Claims": claims}
        reply = http.post("/redactions", content=sample(PHOTO), headers=headers)
    assert reply.headers["X-Consentry-Kept"] == "1"
    running.drop(name, sample(PHOTO), claims=claims)
    assert faces_in(running, running.wait_for_blob(Container.REDACTED, name)) == 1

    relied = shell("consent", "impact", receipt, expect=1)["outputs"]
    assert [one.get("result") for one in relied] == [None, name]

    shell("consent", "withdraw", "--code", given["withdrawalCode"])
    masked = shell("consent", "impact", receipt, "--redact-again", expect=1)["outputs"]
    assert ["redactedAgain" in one for one in masked] == [False, True]
    assert faces_in(running, running.blob(Container.REDACTED, name) or b"") == 0
    assert shell("consent", "impact", receipt, tenant=OTHER)["outputs"] == []


def test_records_are_shown_to_their_tenant_and_all_to_an_auditor(
    shell: Shell, running: Deployment
) -> None:
    for tenant in (APPROVED, OTHER):
        shell("consent", "list", tenant=tenant)
    own = shell("audit", "records")["records"]
    assert {one.get("tenant") or one["regards"] for one in own} == {APPROVED}
    assert "read_consent" in {record["operation"] for record in own}
    issuer = make_issuer(running.issuer)
    now = datetime.now(UTC)
    token = make_token(issuer, role=Role.AUDITOR, name="ann", tenant="", now=now)
    seen = shell("audit", "records", "--tenant", OTHER, "--most", "1", "--token", token)["records"]
    assert [record["tenant"] for record in seen] == [OTHER]
    looks = [one for one in running.records() if one["operation"] == "list_records"]
    assert looks[-1]["regards"] == OTHER
    assert shell("audit", "records", "--tenant", OTHER, expect=4)["error"]["code"] == "NotFound"
