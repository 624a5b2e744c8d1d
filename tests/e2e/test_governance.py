"""Approval, keys, records: what is refused at once, and what an auditor finds afterwards."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest
from tests.support.deployment import APPROVED, KEY_HEADER, OTHER, Deployment, seal_now
from tests.support.layer import sample
from tests.support.polling import until

from consentry.azure.names import Container
from consentry.service.audit_copy import LogCopy, export_log
from consentry.service.ports import PublicKey
from consentry.trust.checkpoints import Checkpoint
from consentry.trust.operations import Capability
from consentry.trust.proofs import ConsistencyProof, RecordProof
from consentry.trust.verification import verify_log

OCTETS = {"Content-Type": "application/octet-stream"}


def test_revoked_tenant_is_refused_within_seconds(running: Deployment) -> None:
    photo = sample("person_a_1.jpg")
    with running.client(OTHER, **OCTETS) as http:
        assert http.post("/redactions", content=photo).status_code == 200
        running.revoke(OTHER, Capability.REDACT)
        try:
            until(lambda: http.post("/redactions", content=photo).status_code == 403, seconds=5)
            refused = http.post("/redactions", content=photo)
            other = http.post("/face/v1.2/detect?returnFaceId=false", content=photo)
        finally:
            running.approve(OTHER, Capability.REDACT)
        assert http.post("/redactions", content=photo).status_code == 200
    assert refused.status_code == 403
    assert other.status_code == 200


def test_revoked_key_opens_nothing_and_other_keys_of_the_tenant_stay(running: Deployment) -> None:
    key = running.new_key(APPROVED)
    call = f"{running.stack.url}/redactions"
    headers = OCTETS | {KEY_HEADER: key}
    photo = sample("person_a_1.jpg")
    assert httpx.post(call, content=photo, headers=headers).status_code == 200
    running.services.callers.revoke(APPROVED, key.split(".")[1])
    until(lambda: httpx.post(call, content=photo, headers=headers).status_code == 401, seconds=5)
    assert httpx.post(call, content=photo, headers=headers).status_code == 401
    with running.client(**OCTETS) as http:
        assert http.post("/redactions", content=photo).status_code == 200


def test_record_of_a_call_says_who_what_and_under_which_approval(running: Deployment) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with running.new_records() as records, running.client(**OCTETS) as http:
        reply = http.post(
            "/redactions",
            content=sample("person_a_1.jpg"),
            headers={"traceparent": traceparent},
        )
    record = records[0]
    approval = running.services.access.newest(APPROVED, Capability.REDACT)
    assert approval is not None
    assert len(records) == 1
    assert record["tenant"] == APPROVED
    assert record["principal"] == f"caller:{running.keys[APPROVED].split('.')[1]}"
    assert (record["operation"], record["trigger"]) == ("redact", "http")
    assert record["request_id"] == reply.headers["x-ms-request-id"]
    assert record["traceparent"] == traceparent
    assert record["approval"] == {"id": approval.id, "version": approval.version}
    assert record["counts"]["masks"] == 1
    models = running.services.vision.redacting
    assert record["models"] == {role.value: model.digest for role, model in models.items()}
    assert record["outcome"] == "ok"


def test_log_holds_no_key_no_name_and_no_plain_hash(running: Deployment) -> None:
    photo = sample("person_b_2.jpg")
    running.drop(f"{APPROVED}/jacinda-ardern.jpg", photo)
    until(lambda: not running.names(Container.INBOX, f"{APPROVED}/jacinda"))
    text = json.dumps(running.records()).encode()
    secrets = [key.rsplit(".", 1)[1] for key in running.keys.values()]
    for leak in (
        *secrets,
        "jacinda",
        "ardern",
        ".jpg",
        hashlib.sha256(photo).hexdigest(),
        "person_b",
    ):
        assert leak.encode() not in text


def test_log_of_everything_that_was_done_is_whole(running: Deployment, tmp_path: Path) -> None:
    seal_now(running)
    copy = LogCopy(tmp_path / "log")
    export_log(running.services.parts.audit, copy.write)
    jwks = httpx.get(f"{running.stack.url}/keys").json()["keys"]
    report = verify_log(copy, [PublicKey(jwk["kid"], jwk) for jwk in jwks])
    assert report.whole
    assert report.records > 0


def test_tenant_proves_its_own_records_over_http_and_finds_no_others(running: Deployment) -> None:
    with running.new_records() as records, running.client(**OCTETS) as http:
        assert http.post("/redactions", content=sample("person_a_1.jpg")).status_code == 200
    seal_now(running)
    identifier = records[0]["id"]
    keys = [
        PublicKey(jwk["kid"], jwk) for jwk in httpx.get(f"{running.stack.url}/keys").json()["keys"]
    ]
    with running.new_records() as looked, running.client() as mine, running.client(OTHER) as other:
        reply = mine.get(f"/audit/records/{identifier}")
        note = mine.get("/audit/checkpoint")
        refused = other.get(f"/audit/records/{identifier}")
    assert RecordProof.open(reply.json(), keys).record == records[0]
    assert refused.status_code == 404
    assert {(look["operation"], look["tenant"], look["outcome"]) for look in looked} == {
        ("prove_record", APPROVED, "ok"),
        ("prove_consistency", APPROVED, "ok"),
        ("prove_record", OTHER, "NotFound"),
    }
    held = Checkpoint.open(note.content, keys)
    seal_now(running)
    with running.client() as http:
        grown = http.get("/audit/consistency", params={"size": held.size})
        wrong = http.get("/audit/consistency", params={"size": "7e3"})
    proof = ConsistencyProof.open(grown.json(), keys)
    assert (proof.size, proof.root) == (held.size, held.root)
    assert proof.checkpoint.size > held.size
    assert wrong.status_code == 400


@pytest.mark.parametrize("path", ["/health", "/ready", "/keys", "/openapi.json"])
def test_open_endpoint_answers_without_a_key(running: Deployment, path: str) -> None:
    reply = httpx.get(running.stack.url + path, timeout=60)
    assert reply.status_code == 200
    assert APPROVED not in reply.text


def test_worker_that_is_killed_is_replaced_and_serves_again(running: Deployment) -> None:
    running.stack.kill_worker()
    with running.client(**OCTETS) as http:
        assert http.post("/redactions", content=sample("person_a_1.jpg")).status_code == 200
