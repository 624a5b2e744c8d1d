"""The command line against a running stack: approvals, keys, uploads, verification, the log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.support.deployment import (
    APPLYING,
    APPROVED,
    ROOT,
    UNAPPROVED,
    Deployment,
    seal_now,
)
from tests.support.shell import SAMPLES, Shell

from consentry.azure.names import Container

EXAMPLE = ROOT / "docs" / "application.example.toml"


def test_verify_exits_with_the_answer(shell: Shell) -> None:
    a, b = SAMPLES / "person_a_1.jpg", SAMPLES / "person_a_2.jpg"
    assert shell("verify", a, b)["isIdentical"] is True
    other = SAMPLES / "impostor_1.jpg"
    assert shell("verify", a, other, expect=1)["isIdentical"] is False


def test_verify_is_refused_without_an_approval(shell: Shell) -> None:
    a, b = SAMPLES / "person_a_1.jpg", SAMPLES / "person_a_2.jpg"
    told = shell("verify", a, b, tenant=UNAPPROVED, expect=3)
    assert told["error"]["code"] == "UnsupportedFeature"
    assert "consentry access" in told["error"]["cure"]


def test_a_service_elsewhere_gets_no_key_over_plain_http(shell: Shell) -> None:
    a = SAMPLES / "person_a_1.jpg"
    told = shell("verify", a, a, "--endpoint", "http://faces.example.org", expect=5)
    assert told["error"]["code"] == "Settings"


def test_a_service_that_does_not_answer_is_told_as_such(shell: Shell) -> None:
    a = SAMPLES / "person_a_1.jpg"
    told = shell("verify", a, a, "--endpoint", "http://127.0.0.1:9", expect=5)
    assert told["error"]["code"] == "ServiceUnavailable"


def test_an_unknown_key_is_refused(shell: Shell) -> None:
    a = SAMPLES / "person_a_1.jpg"
    told = shell("verify", a, a, "--key", "nobody", expect=3)
    assert told["error"]["code"] == "401"


def test_upload_waits_and_fetches_the_result_or_tells_the_reason(
    shell: Shell, tmp_path: Path
) -> None:
    good, bad = SAMPLES / "impostor_2.jpg", SAMPLES / "CREDITS.md"
    told = shell("upload", good, bad, "--wait", "--out", tmp_path, expect=1)
    done, refused = told["uploads"]
    assert done["state"] == "done"
    assert (tmp_path / "impostor_2.jpg").read_bytes() != good.read_bytes()
    assert (refused["state"], refused["reason"]) == ("quarantined", "InvalidImage")
    assert [path.name for path in tmp_path.iterdir()] == ["impostor_2.jpg"]


def token(shell: Shell, role: str, name: str, tenant: str = APPLYING) -> tuple[str, str]:
    """Give the words by which a command acts as a person."""
    words = ("dev", "token", "--role", role, "--name", name, "--tenant", tenant)
    return "--token", shell(*words)["token"]


def test_an_application_is_explained_offline_rule_by_rule(shell: Shell, tmp_path: Path) -> None:
    assert shell("access", "explain", "--file", EXAMPLE)["passes"] is True
    search = tmp_path / "search.toml"
    search.write_text(EXAMPLE.read_text().replace("practices = []", 'practices = ["search"]'))
    told = shell("access", "explain", "--file", search, expect=1)
    assert [rule["reason"] for rule in told["rules"] if rule["refused"]] == ["one_to_many"]
    search.write_text("organisation = 7")
    assert shell("access", "explain", "--file", search, expect=4)["error"]["code"] == "BadArgument"


@pytest.mark.slow
def test_access_is_applied_for_decided_on_listed_and_revoked(shell: Shell) -> None:
    alan = token(shell, "applicant", "alan")
    ada, grace = token(shell, "reviewer", "ada"), token(shell, "reviewer", "grace")
    case = shell("access", "apply", "--file", EXAMPLE, *alan)["id"]
    decide = ("access", "decide", case, "approve", "--days", "2")
    assert shell(*decide, *alan, expect=3)["error"]["code"] == "Refused"
    assert shell(*decide, *ada)["state"] == "in_review"
    assert shell(*decide, *ada, expect=3)["error"]["code"] == "Refused"
    assert shell(*decide, *grace)["state"] == "approved"
    assert shell("access", "suspend", case, *ada)["state"] == "suspended"
    assert shell("access", "resume", case, *grace)["state"] == "approved"
    assert shell("access", "revoke", case, *token(shell, "admin", "root"))["state"] == "revoked"
    assert shell("access", "appeal", case, *alan)["state"] == "in_review"
    mary = token(shell, "reviewer", "mary")
    assert shell("access", "decide", case, "deny", *mary)["state"] == "denied"
    listed = shell("access", "list", *alan)["applications"]
    assert {found["id"]: found["state"] for found in listed}[case] == "denied"
    assert {found["tenant"] for found in listed} == {APPLYING}
    assert shell("access", "show", case, *alan, expect=1)["appeals"] == 1
    assert shell("access", "revoke", case, *mary, expect=4)["error"]["code"] == "IllegalState"


@pytest.mark.slow
def test_a_draft_is_edited_and_its_decisions_verify_offline(shell: Shell, tmp_path: Path) -> None:
    alan = token(shell, "applicant", "alan")
    case = shell("access", "apply", "--draft", "--file", EXAMPLE, *alan)["id"]
    words, changed = tmp_path / "application.toml", 'description = "Another door."'
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    lines = [changed if line.startswith("description") else line for line in lines]
    words.write_text("\n".join(lines), encoding="utf-8")
    edited = shell("access", "edit", case, "--file", words, *alan)
    assert edited["application"]["description"] == "Another door."
    shell("access", "submit", case, *alan)
    for who in ("ada", "grace"):
        shell("access", "decide", case, "approve", "--days", "2", *token(shell, "reviewer", who))
    auditor = token(shell, "auditor", "ann")
    files = shell("access", "decisions", case, "--out", tmp_path / "signed", *auditor)["decisions"]
    keys = tmp_path / "keys.json"
    keys.write_bytes(httpx.get(f"{shell.running.stack.url}/keys").content)
    told = shell("access", "verify", files[0], "--public-key", keys)["decision"]
    assert (told["application"], told["state"]) == (case, "approved")
    Path(files[0]).write_bytes(Path(files[0]).read_bytes()[:-4] + b"AAAA")
    assert shell("access", "verify", files[0], "--public-key", keys, expect=1)["error"]["code"]
    shell("access", "revoke", case, *token(shell, "admin", "root"))


def test_a_refused_application_says_no_with_its_reason(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "application.toml"
    file.write_text(EXAMPLE.read_text().replace('consent = "written"', 'consent = "none"'))
    told = shell("access", "apply", "--file", file, *token(shell, "applicant", "alan"), expect=1)
    assert told["state"] == "refused"
    assert [found["reason"] for found in told["refusedFor"]] == ["consent_absent"]


def test_without_a_token_nobody_applies(shell: Shell) -> None:
    told = shell("access", "apply", "--file", EXAMPLE, expect=5)
    assert told["error"]["code"] == "Settings"
    told = shell("access", "list", "--token", "nonsense", expect=3)
    assert told["error"]["code"] == "401"


def test_a_revoked_key_opens_nothing(shell: Shell, running: Deployment) -> None:
    root = token(shell, "admin", "root")
    with running.new_records() as records:
        key = shell("keys", "create", APPROVED, *root)["key"]
    key_id = key.split(".")[1]
    [made] = [record for record in records if record["operation"] == "create_key"]
    assert (made["key"], made["regards"]) == (key_id, APPROVED)
    a = SAMPLES / "person_a_1.jpg"
    shell("verify", a, a, "--key", key)
    shell("keys", "revoke", APPROVED, key_id, *root)
    told = shell("keys", "list", APPROVED, *token(shell, "auditor", "ann"))["keys"]
    listed = {item["id"]: item["active"] for item in told}
    assert listed[key_id] is False
    with running.new_records() as records:
        assert shell("verify", a, a, "--key", key, expect=3)["error"]["code"] == "401"
    assert [record["allowed"] for record in records] == [False]
    again = shell("keys", "revoke", APPROVED, key_id, *root, expect=4)
    assert again["error"]["code"] == "NotFound"


@pytest.mark.parametrize("word", ["list", "create"])
def test_a_tenant_that_is_not_served_is_refused(shell: Shell, word: str) -> None:
    told = shell("keys", word, "nobody", *token(shell, "admin", "root"), expect=4)
    assert told["error"]["code"] == "BadArgument"


def test_only_an_admin_makes_keys(shell: Shell) -> None:
    reviewer = token(shell, "reviewer", "ada")
    assert shell("keys", "create", APPROVED, *reviewer, expect=3)["error"]["code"] == "Refused"
    assert shell("keys", "create", APPROVED, expect=5)["error"]["code"] == "Settings"


def test_stores_that_are_not_on_this_machine_are_refused(running: Deployment) -> None:
    settings = running.stack.environment | {
        "CONSENTRY_WORK_TABLE_ENDPOINT": "https://account.table.core.windows.net"
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "consentry.cli",
            "dev",
            "token",
            "--role",
            "admin",
            "--name",
            "root",
            "--json",
        ],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert json.loads(done.stdout)["error"]["code"] == "LocalStack"


def test_the_log_is_copied_verified_shown_and_damage_is_named(
    shell: Shell, running: Deployment, tmp_path: Path
) -> None:
    a = SAMPLES / "person_a_1.jpg"
    shell("verify", a, a)
    copy = tmp_path / "log"
    keys = tmp_path / "keys.json"
    with running.client() as http:
        keys.write_bytes(http.get("/keys").content)
    seal_now(running)
    assert shell("audit", "export", "--out", copy)["checkpoints"] >= 1
    words = ("audit", "verify", copy, "--public-key", keys)
    told = shell(*words)
    assert told["whole"] is True
    assert told["records"] >= 3
    shown = shell("audit", "show", copy, "--last", "1", "--tenant", APPROVED)["records"]
    assert [record["tenant"] for record in shown] == [APPROVED]
    assert shell("audit", "export", "--out", copy, expect=4)["error"]["code"] == "BadArgument"
    segment = next(copy.rglob("*.jsonl"))
    segment.write_text(segment.read_text().replace('"tenant":"', '"tenant":"x', 1))
    damaged = shell(*words, expect=1)
    assert damaged["whole"] is False
    assert damaged["findings"][0]["kind"] == "edited"
    assert damaged["error"]["code"] == "IntegrityFailure"


@pytest.mark.slow
def test_proofs_of_a_record_and_of_growth_are_made_and_checked_offline(
    shell: Shell, running: Deployment, tmp_path: Path
) -> None:
    keys, note, proof, grown = (tmp_path / name for name in ("keys", "note", "proof", "grown"))
    a = SAMPLES / "person_a_1.jpg"
    shell("verify", a, a)
    seal_now(running)
    with running.client() as http:
        keys.write_bytes(http.get("/keys").content)
        note.write_bytes(http.get("/audit/checkpoint").content)
    record = next(one for one in running.records() if one["operation"] == "verify_pictures")
    shell("audit", "prove", record["id"], "--out", proof)
    told = shell("audit", "check", proof, "--public-key", keys)
    assert told["record"] == record
    shell("verify", a, a)
    seal_now(running)
    shell("audit", "consistency", "--checkpoint", note, "--out", grown)
    told = shell("audit", "check", grown, "--public-key", keys, "--checkpoint", note)
    assert told["valid"] is True
    assert told["newest"] > told["size"]
    copy = tmp_path / "log"
    shell("audit", "export", "--out", copy)
    words = ("audit", "verify", copy, "--public-key", keys, "--checkpoint", note)
    assert shell(*words)["whole"] is True
    proof.write_text(proof.read_text().replace("index ", "index 1"))
    assert (
        shell("audit", "check", proof, "--public-key", keys, expect=1)["error"]["code"]
        == "IntegrityFailure"
    )


def test_reading_the_log_leaves_a_record(shell: Shell, running: Deployment, tmp_path: Path) -> None:
    before = {record["id"] for record in running.records()}
    shell("audit", "show", "--last", "1")
    seal_now(running)
    shell("audit", "export", "--out", tmp_path / "log")
    record = next(one for one in running.records() if one["operation"] == "verify_pictures")
    shell("audit", "prove", record["id"])
    looks = [
        record["operation"]
        for record in running.records()
        if record["id"] not in before and record["principal"] == "operator:command"
    ]
    assert looks == ["read_log", "read_log", "prove_record"]


def test_a_manifest_is_verified_offline_against_its_pictures(
    shell: Shell, running: Deployment, tmp_path: Path
) -> None:
    original = SAMPLES / "person_b_1.jpg"
    redacted, manifest, keys = (tmp_path / name for name in ("r.jpg", "m.json", "keys.json"))
    with running.client() as http:
        reply = http.post("/redactions", content=original.read_bytes())
        redacted.write_bytes(reply.content)
        manifest.write_bytes(http.get(reply.headers["X-Consentry-Manifest"]).content)
        keys.write_bytes(http.get("/keys").content)
    words = ("manifest", "verify", manifest, "--public-key", keys)
    told = shell(*words, "--output", redacted, "--original", original)
    assert told["valid"] is True
    assert len(told["manifest"]["faces"]) >= 1
    swapped = shell(*words, "--output", original, expect=1)
    assert swapped["error"]["code"] == "IntegrityFailure"
    manifest.write_bytes(manifest.read_bytes().replace(b'"signature": "', b'"signature": "AA'))
    assert shell(*words, expect=1)["error"]["code"] == "IntegrityFailure"


def test_a_tenant_is_erased_only_when_that_is_confirmed(shell: Shell, running: Deployment) -> None:
    gone, name = "wingtip", "wingtip/street.jpg"  # a tenant that is not served any more
    running.services.parts.blobs.write(Container.REDACTED, name, b"data", content_type="")
    told = shell("tenant", "erase", gone, expect=1)
    assert (told["left"]["redacted"], told["confirmed"]) == (1, False)
    assert running.blob(Container.REDACTED, name) == b"data"
    told = shell("tenant", "erase", gone, "--confirm")
    assert set(told["left"].values()) == {0}
    assert running.blob(Container.REDACTED, name) is None
    again = shell("tenant", "erase", gone, "--confirm")
    assert again["receipt"] == told["receipt"]
    record = next(found for found in running.records() if found.get("regards") == gone)
    assert (record["principal"], record["operation"]) == ("operator:command", "inspect_storage")


def test_a_tenant_gets_a_new_data_key_at_once(shell: Shell) -> None:
    first = shell("tenant", "rotate", APPLYING)["version"]
    assert shell("tenant", "rotate", APPLYING)["version"] == first + 1
    assert shell("tenant", "rotate", "wingtip", expect=4)["error"]["code"] == "BadArgument"


def test_nothing_is_overdue_where_the_timers_run(shell: Shell, running: Deployment) -> None:
    running.services.parts.blobs.write(
        Container.REDACTED, f"{APPROVED}/doctor.jpg", b"data", content_type=""
    )
    told = shell("doctor", "retention")
    assert told["healthy"] is True
    [results] = [
        found
        for found in told["findings"]
        if (found["what"], found["tenant"]) == ("redacted", APPROVED)
    ]
    assert results["things"] >= 1
    assert running.records()[-1]["operation"] == "inspect_storage"
