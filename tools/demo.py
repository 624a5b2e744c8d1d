"""The main job, for real: photographs in, redacted photographs out, two faces verified, proof kept.

Starts Azurite and the development host, and drives them as their users would: with the command
line, with files dropped into a container, with HTTP. Every step checks what came of it; the
first that fails ends the demonstration with its name and a non-zero exit code.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sheet import write_sheet

from consentry.azure.names import Container
from consentry.errors import ConsentryError
from consentry.localhost.stack import Stack
from consentry.service.checkpoint_store import Checkpoints
from consentry.service.deployment import connect
from consentry.service.ports import AppendStore, BlobStore
from consentry.service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / ".consentry" / "samples"
OUT = ROOT / ".consentry" / "demo"
APPLICATION = ROOT / "docs" / "application.example.toml"
CONSENT = ROOT / "docs" / "consent.example.toml"
SUBJECT = "p-4711"
KEY_HEADER = "Ocp-Apim-Subscription-Key"
REFUSALS = (403, 404)
APPROVED, UNAPPROVED = "contoso", "northwind"
PHOTOS = ("city.jpg", "person_a_2.jpg", "person_b_1.jpg", "impostor_1.jpg")
DEADLINE_SECONDS = 120
RESULT_BYTES_MAX = 50_000_000

console = Console(highlight=False)


class StepError(Exception):
    """A step did not come out as it must."""


class Steps:
    """Runs the steps, keeps their times and prints the table."""

    def __init__(self) -> None:
        self._table = Table(title="Consentry, the main job", title_justify="left")
        for column in ("step", "what came of it", "seconds"):
            self._table.add_column(column, justify="right" if column == "seconds" else "left")

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a step; the function it gives takes the line that tells the outcome."""
        told: list[str] = []
        started = time.monotonic()
        try:
            with console.status(f"{name} …"):
                yield told.append
        except (StepError, ConsentryError, httpx.HTTPError, subprocess.SubprocessError) as error:
            console.print(f"[red]failed[/red]: {name}: {escape(str(error))}")
            raise SystemExit(1) from None
        seconds = time.monotonic() - started
        console.print(f"  [green]done[/green]  {name}: {escape(told[0])}")
        self._table.add_row(name, escape(told[0]), f"{seconds:.1f}")

    def show(self) -> None:
        """Print what happened."""
        console.print()
        console.print(self._table)


def consentry(stack: Stack, *words: str, fails: bool = False) -> dict[str, Any]:
    """Run the command line against the stack and give its JSON document."""
    done = subprocess.run(  # noqa: S603 (our own interpreter and command)
        [sys.executable, "-m", "consentry.cli", *words, "--json"],
        env=os.environ | stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if (done.returncode != 0) is not fails:
        raise StepError(f"consentry {words[0]} {words[1]} exited with {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def expect(fact: bool, otherwise: str) -> None:
    """End the step unless ``fact`` holds."""
    if not fact:
        raise StepError(otherwise)


def wait_for[T](ask: Callable[[], T | None], otherwise: str) -> T:
    """Ask until there is an answer, for a bounded time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        found = ask()
        if found is not None:
            return found
        Event().wait(0.1)
    raise StepError(otherwise)


def apply(stack: Stack) -> str:
    """Apply for one tenant, and for a use that the policy refuses to everybody."""
    token = person(stack, "applicant", "alan")
    case = consentry(stack, "access", "apply", "--file", str(APPLICATION), *token)
    expect(case["state"] == "in_review", "the application is not in review")
    search = OUT / "search.toml"
    text = APPLICATION.read_text().replace("practices = []", 'practices = ["search"]')
    search.write_text(text)
    told = consentry(stack, "access", "apply", "--file", str(search), *token, fails=True)
    expect(told["state"] == "refused", "the search was not refused")
    return f"in review: {case['id']}; a search is refused: {told['refusedFor'][0]['reason']}"


def decide(stack: Stack) -> str:
    """Have two reviewers decide, and the applicant try to."""
    cases = consentry(stack, "access", "list", *person(stack, "reviewer", "ada"))["applications"]
    [case] = [found["id"] for found in cases if found["state"] == "in_review"]
    words = ("access", "decide", case, "approve", "--consent", "required", "--days", "30")
    told = consentry(stack, *words, *person(stack, "reviewer", "alan"), fails=True)
    expect(told["error"]["code"] == "Refused", "the applicant decided on their own application")
    first = consentry(stack, *words, *person(stack, "reviewer", "ada"))
    expect(first["state"] == "in_review", "one reviewer was enough for verify")
    second = consentry(stack, *words, *person(stack, "reviewer", "grace"))
    expect(second["state"] == "approved", "two reviewers were not enough")
    return f"{APPROVED}: approved by ada and grace, not by alan himself; {UNAPPROVED}: nothing"


def person(stack: Stack, role: str, name: str) -> tuple[str, str, str, str]:
    """Give the words by which a command acts as a person at this stack."""
    words = ("dev", "token", "--role", role, "--name", name, "--tenant", APPROVED)
    return "--token", consentry(stack, *words)["token"], "--endpoint", stack.url


def redact(blobs: BlobStore) -> str:
    """Drop photographs into the inbox and fetch what the blob trigger makes of them."""
    for name in PHOTOS:
        data = (SAMPLES / name).read_bytes()
        blobs.write(Container.INBOX, f"{APPROVED}/{name}", data, content_type="image/jpeg")
    for name in PHOTOS:
        for file in (name, f"{name}.manifest.json"):
            fetch(blobs, file)
    return f"{len(PHOTOS)} photographs came back, each with a signed manifest"


def fetch(blobs: BlobStore, name: str) -> None:
    """Wait for a result and keep it."""
    found = wait_for(
        partial(blobs.read, Container.REDACTED, f"{APPROVED}/{name}", limit=RESULT_BYTES_MAX),
        f"{name} did not come back",
    )
    (OUT / "redacted" / name).write_bytes(found.data)


def detect(http: httpx.Client, name: str, consent: str) -> str:
    """Have a photograph's largest face detected under a consent and give its face id."""
    reply = ask_to_detect(http, name, consent)
    expect(reply.status_code == 200, f"detect answered {reply.status_code}")
    face_id: str = reply.json()[0]["faceId"]
    return face_id


def ask_to_detect(http: httpx.Client, name: str, consent: str) -> httpx.Response:
    """Ask for a face id under a consent."""
    return http.post(
        "/face/v1.2/detect",
        content=(SAMPLES / name).read_bytes(),
        headers={"Content-Type": "application/octet-stream", "X-Consentry-Consent": consent},
    )


def consent_to(stack: Stack, http: httpx.Client) -> tuple[str, str, str]:
    """Register a person's consent; give its id, the person's code, and what came of it."""
    without = ask_to_detect(http, "person_a_1.jpg", "")
    expect(without.status_code == 403, "a template was made without consent")
    key = ("--key", http.headers[KEY_HEADER], "--endpoint", stack.url)
    words = ("consent", "give", "--file", str(CONSENT), "--subject", SUBJECT)
    given = consentry(stack, *words, *key)
    file, keys = OUT / "consent.jws", OUT / "public-keys.json"
    consentry(stack, "consent", "receipt", given["id"], "--out", str(file), *key)
    consentry(stack, "consent", "verify", str(file), "--public-key", str(keys))
    told = f"without it: {without.json()['error']['code']}; now {SUBJECT} agreed: {given['id']}"
    return given["id"], given["withdrawalCode"], told


def withdraw(stack: Stack, http: httpx.Client, consent: str, code: str) -> str:
    """End a consent by the person's code alone; what was made under it serves no more."""
    first, second = (detect(http, f"person_a_{number}.jpg", consent) for number in (1, 2))
    words = ("consent", "withdraw", "--code", code, "--endpoint", stack.url)
    expect(consentry(stack, *words)["state"] == "withdrawn", "the consent was not withdrawn")
    reply = http.post("/face/v1.2/verify", json={"faceId1": first, "faceId2": second})
    expect(reply.status_code in REFUSALS, "faces were compared after the withdrawal")
    again = ask_to_detect(http, "person_a_1.jpg", consent)
    expect(again.status_code == 403, "a template was made after the withdrawal")
    code_of = (answer.json()["error"]["code"] for answer in (again, reply))
    return "detect: {}; verify of what was kept: {}".format(*code_of)


def verify(http: httpx.Client, consent: str, second: str, *, identical: bool) -> str:
    """Verify two photographs that are claimed to be of one person, and check the answer."""
    first = "person_a_1.jpg"
    ids = [detect(http, name, consent) for name in (first, second)]
    reply = http.post("/face/v1.2/verify", json={"faceId1": ids[0], "faceId2": ids[1]})
    expect(reply.status_code == 200, f"verify answered {reply.status_code}")
    answer = reply.json()
    expect(answer["isIdentical"] is identical, f"{first} and {second}: the answer is wrong")
    word = "identical" if identical else "not identical"
    return f"{word}, confidence {answer['confidence']:.2f}"


def check_manifests(stack: Stack, http: httpx.Client) -> str:
    """Verify every manifest offline with the published public keys."""
    keys = OUT / "public-keys.json"
    keys.write_bytes(http.get("/keys").content)
    faces = 0
    for name in PHOTOS:
        picture = OUT / "redacted" / name
        told = consentry(
            stack,
            "manifest",
            "verify",
            f"{picture}.manifest.json",
            "--public-key",
            str(keys),
            "--output",
            str(picture),
        )
        faces += len(told["manifest"]["faces"])
    return f"signatures and hashes are right; {faces} faces are masked"


def refuse(http: httpx.Client) -> str:
    """Call for a tenant that is not approved."""
    reply = http.post(
        "/redactions",
        content=(SAMPLES / PHOTOS[0]).read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    expect(reply.status_code == 403, f"the call was answered {reply.status_code}")
    return f"403 {reply.json()['error']['code']}: {reply.json()['error']['message']}"


def seal(stack: Stack, log: AppendStore) -> str:
    """Have the log sealed now; the timer would do so within a minute."""
    before = Checkpoints(log).last_number()
    reply = httpx.post(
        f"{stack.url}/admin/functions/seal_audit_log",
        json={"input": ""},
        headers={"x-functions-key": stack.keys.master},
    )
    expect(reply.status_code == 202, f"the timer function answered {reply.status_code}")
    wait_for(lambda: Checkpoints(log).last_number() > before or None, "no checkpoint was signed")
    return "a checkpoint over all chains is signed"


def prove(stack: Stack, http: httpx.Client, log: AppendStore) -> str:
    """Have the tenant's newest sealed record proven over HTTP, and check the proof offline."""
    keys, note, proof = (OUT / name for name in ("public-keys.json", "checkpoint", "proof.json"))
    note.write_bytes(http.get("/audit/checkpoint").content)
    shown = consentry(stack, "audit", "show", "--last", "100", "--tenant", APPROVED)["records"]
    sealed = [record["id"] for record in shown if record["operation"] == "verify"]
    reply = http.get(f"/audit/records/{sealed[-1]}")
    expect(reply.status_code == 200, f"the proof was answered {reply.status_code}")
    proof.write_bytes(reply.content)
    consentry(stack, "audit", "check", str(proof), "--public-key", str(keys))
    seal(stack, log)
    grown = str(OUT / "grown.json")
    consentry(stack, "audit", "consistency", "--checkpoint", str(note), "--out", grown)
    told = consentry(
        stack, "audit", "check", grown, "--public-key", str(keys), "--checkpoint", str(note)
    )
    return f"a verification is in the log, which has only grown: {told['size']}, {told['newest']}"


def audit(stack: Stack) -> str:
    """Export the log and verify it offline, against a checkpoint that was kept apart."""
    log, keys, note = (str(OUT / name) for name in ("audit", "public-keys.json", "checkpoint"))
    consentry(stack, "audit", "export", "--out", log)
    told = consentry(stack, "audit", "verify", log, "--public-key", keys, "--checkpoint", note)
    expect(told["whole"] is True, "the log is not whole")
    return f"whole: {told['records']} records in {told['chains']} chain(s)"


def spoil() -> str:
    """Change one character in a copy of the log."""
    log, spoilt = OUT / "audit", OUT / "audit-spoilt"
    shutil.copytree(log, spoilt)
    refusal = '"allowed":false'
    found = [path for path in spoilt.rglob("*.jsonl") if refusal in path.read_text()]
    expect(bool(found), "the refused call is not in the log")
    found[0].write_text(found[0].read_text().replace(refusal, '"allowed":true', 1))
    return spoilt.name


def notice(stack: Stack) -> str:
    """Verify the spoilt copy, which must fail and say where."""
    keys = str(OUT / "public-keys.json")
    told = consentry(
        stack, "audit", "verify", str(OUT / "audit-spoilt"), "--public-key", keys, fails=True
    )
    return f"noticed: {told['error']['message']}"


def client(stack: Stack, tenant: str) -> httpx.Client:
    """Make an HTTP client with a fresh key of the tenant."""
    key = consentry(stack, "keys", "create", tenant, *person(stack, "admin", "root"))["key"]
    return httpx.Client(base_url=stack.url, headers={KEY_HEADER: key}, timeout=DEADLINE_SECONDS)


def main() -> None:
    """Run all steps."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "redacted").mkdir(parents=True)
    steps = Steps()
    with ExitStack() as running:
        with steps.step("start Azurite and the development host") as tell:
            stack = running.enter_context(
                Stack(
                    ROOT,
                    ROOT / "functions",
                    tenants=(APPROVED, UNAPPROVED),
                    log=OUT / "host.log",
                )
            )
            tell(stack.url)
        parts = connect(Settings.load(stack.environment))
        with steps.step("apply for access") as tell:
            tell(apply(stack))
        with steps.step("have two reviewers decide") as tell:
            tell(decide(stack))
        with steps.step("redact photographs by upload") as tell:
            tell(redact(parts.blobs))
        with client(stack, APPROVED) as http:
            with steps.step("check the manifests offline") as tell:
                tell(check_manifests(stack, http))
            with steps.step("register a person's consent") as tell:
                consent, code, told = consent_to(stack, http)
                tell(told)
            with steps.step("verify two photographs of that person") as tell:
                tell(verify(http, consent, "person_a_2.jpg", identical=True))
            with steps.step("verify a photograph of somebody else") as tell:
                tell(verify(http, consent, "person_b_1.jpg", identical=False))
            with steps.step("withdraw the consent by its code alone") as tell:
                tell(withdraw(stack, http, consent, code))
        with (
            steps.step("call for a tenant that is not approved") as tell,
            client(stack, UNAPPROVED) as http,
        ):
            tell(refuse(http))
        with steps.step("seal the audit log") as tell:
            tell(seal(stack, parts.audit))
        with (
            steps.step("prove a record, and that the log only grew") as tell,
            client(stack, APPROVED) as http,
        ):
            tell(prove(stack, http, parts.audit))
        with steps.step("check the audit log offline") as tell:
            tell(audit(stack))
        with steps.step("spoil a copy of the log and check it") as tell:
            spoil()
            tell(notice(stack))
        with steps.step("draw the picture sheet") as tell:
            tell(write_sheet(PHOTOS, SAMPLES, OUT / "redacted", OUT / "before-and-after.jpg"))
    steps.show()
    console.print(f"\nLook at {(OUT / 'before-and-after.jpg').relative_to(ROOT)}")
    console.print(f"Everything the demonstration made lies in {OUT.relative_to(ROOT)}/")


if __name__ == "__main__":
    main()
