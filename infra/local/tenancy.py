"""One stack on the local cloud, used as its people use it: each by their own identity."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import httpx
from azure.core.credentials import AccessToken

from consentry.azure.appends import AzureAppendStore
from consentry.azure.blobs import AzureBlobStore
from consentry.azure.names import Container
from consentry.cli.client import Consents, Governance
from consentry.cli.firststeps import RATE_PER_MINUTE, example_application, example_consent
from consentry.service.audit_copy import LogCopy, export_log
from consentry.service.checkpoint_store import Checkpoints
from consentry.stored import PublicKey
from consentry.trust.operations import Capability, Role
from consentry.trust.verification import AuditReport, verify_log
from local.identity import TOKEN_SECONDS, Identities, Who
from local.machine import Machine

AUDIENCE: Final = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
OPERATORS: Final = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
REVIEWERS: Final = "11111111-1111-4111-8111-111111111111"
AUDITORS: Final = "22222222-2222-4222-8222-222222222222"
UPLOADERS: Final = "33333333-3333-4333-8333-333333333333"
CONSENT_HEADER: Final = "X-Consentry-Consent"
APPROVED_DAYS: Final = 30
CALL_SECONDS_MAX: Final = 120.0
PICTURE_BYTES_MAX: Final = 50_000_000
POLL_SECONDS: Final = 0.2


class TenancyError(Exception):
    """The stack did not do what it must; the message says what was missing."""


@dataclass(frozen=True)
class Credential:
    """Somebody's identity, as Azure's client libraries ask for it."""

    identities: Identities
    who: Who

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Give a token for one scope."""
        token = self.identities.issue(self.who, scopes[0])
        return AccessToken(token, int(time.time()) + TOKEN_SECONDS)


def directory_of(tenant: str) -> str:
    """The Entra directory of a tenant's own people."""
    return str(uuid5(NAMESPACE_URL, f"directory/{tenant}"))


def configuration(machine: Machine, package: Path, tenant: str) -> dict[str, Any]:
    """A stack's configuration for one tenant: what is local is the authority alone."""
    return {
        "tenants": [tenant],
        "location": "westeurope",
        "jurisdiction": "DE",
        "contacts": [f"privacy@{tenant}.example"],
        "people": {"reviewers": REVIEWERS, "auditors": AUDITORS, "uploaders": UPLOADERS},
        "budget": {"monthly": 100, "start": "2026-01-01"},
        "tokens": {
            "audience": AUDIENCE,
            "operator": OPERATORS,
            "tenants": {tenant: directory_of(tenant)},
        },
        "package": str(package),
        "authority": machine.entra.authority,
        "protect": False,
    }


@contextmanager
def inside(surroundings: Mapping[str, str]) -> Iterator[None]:
    """Lead this process's own clients into the local cloud while the block runs."""
    before = {name: os.environ.get(name) for name in surroundings}
    os.environ.update(surroundings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Tenancy:
    """A tenant of a stack that is up; ``outputs`` is what the stack tells.

    Used within ``inside``, which leads its clients to the stack.
    """

    def __init__(self, machine: Machine, outputs: Mapping[str, str], tenant: str) -> None:
        self.machine = machine
        self.tenant = tenant
        self.endpoint = outputs["endpoint"]
        self.site = self.endpoint.removeprefix("https://").partition(".")[0]
        self.work = outputs["inbox"].removesuffix(Container.INBOX)
        self.evidence = outputs["audit"].removesuffix(Container.AUDIT)
        self.app = Who(outputs["identity_principal_id"])
        self.uploader = AzureBlobStore(self.work, self.credential(person("uma", UPLOADERS)))
        self.auditor = AzureAppendStore(self.evidence, self.credential(person("otto", AUDITORS)))

    def credential(self, who: Who) -> Credential:
        """Somebody's identity."""
        return Credential(self.machine.identities, who)

    def token(self, name: str, *roles: Role, directory: str = OPERATORS) -> str:
        """Sign a person in at the service; by default one of the operator's directory."""
        return self.machine.entra.token(directory, AUDIENCE, name, *roles)

    def client(self, token: str = "") -> httpx.Client:
        """Make an HTTP client that carries a token, by default that of a calling program."""
        headers = bearer(token) if token else self.caller()
        return httpx.Client(base_url=self.endpoint, headers=headers, timeout=CALL_SECONDS_MAX)

    def caller(self) -> dict[str, str]:
        """Sign a calling program of the tenant in; give the header that says so."""
        return bearer(self.token("app", Role.CALLER, directory=directory_of(self.tenant)))

    def approve(self, *capabilities: Capability) -> str:
        """Have the tenant apply and two reviewers decide; give the application's id."""
        directory = directory_of(self.tenant)
        alan = self.token("alan", Role.APPLICANT, directory=directory)
        with Governance(self.endpoint, alan) as applicant:
            wanted = {"capabilities": [str(capability) for capability in capabilities]}
            case = applicant.apply(example_application() | wanted)
            case = applicant.change(case["id"], "submit")
        decision = {
            "verdict": "approve",
            "days": APPROVED_DAYS,
            "consent": "required",
            "ratePerMinute": RATE_PER_MINUTE,
            "jurisdictions": case["application"]["jurisdictions"],
            "targetFmr": None,
        }
        for name in ("ada", "grace"):
            if case["state"] == "in_review":
                with Governance(self.endpoint, self.token(name, Role.REVIEWER)) as reviewer:
                    case = reviewer.decide(case["id"], decision)
        if case["state"] != "approved":
            raise TenancyError(f"the application of {self.tenant} is {case['state']}")
        return str(case["id"])

    def make_key(self) -> str:
        """Have an admin make a key for the tenant's callers."""
        with Governance(self.endpoint, self.token("root", Role.ADMIN)) as admin:
            return str(admin.create_key(self.tenant)["key"])

    def redact_by_upload(self, name: str, picture: bytes) -> bytes:
        """Drop a picture into the inbox as one of the uploaders, and collect the result."""
        blob = f"{self.tenant}/{name}"
        self.uploader.write(Container.INBOX, blob, picture, content_type="image/jpeg")
        found = wait_for(
            lambda: self.uploader.read(Container.REDACTED, blob, limit=PICTURE_BYTES_MAX),
            f"{name} did not come back redacted",
        )
        return found.data

    def give_consent(self, subject: str) -> str:
        """Register a person's consent; give the receipt's id."""
        with Consents(self.endpoint, self.caller()) as service:
            return str(service.give(example_consent(subject))["id"])

    def verify(self, first: bytes, second: bytes, consent: str) -> bool:
        """Have two pictures verified under a consent; tell whether they show one person."""
        with self.client() as client:
            return compare(client, detect(client, first, consent), detect(client, second, consent))

    def seal(self) -> None:
        """Have the log sealed now; the timer would do so within a minute."""
        before = Checkpoints(self.auditor).last_number()
        key = self.machine.cloud.keys(self.site).master
        with self.client() as client:
            client.post(
                "/admin/functions/seal_audit_log",
                json={"input": ""},
                headers={"x-functions-key": key},
            ).raise_for_status()
        wait_for(
            lambda: Checkpoints(self.auditor).last_number() > before or None,
            "no checkpoint was signed",
        )

    def fetch_log(self, folder: Path) -> LogCopy:
        """Fetch the log as one of the auditors."""
        copy = LogCopy(folder)
        folder.mkdir(parents=True)
        export_log(self.auditor, copy.write)
        return copy

    def public_keys(self) -> list[PublicKey]:
        """The keys that the service publishes."""
        with self.client() as client:
            published = client.get("/keys").raise_for_status().json()["keys"]
        return [PublicKey(jwk["kid"], jwk) for jwk in published]

    def verified_log(self, folder: Path) -> AuditReport:
        """Seal the log, fetch it and verify it offline; TenancyError unless it is whole."""
        self.seal()
        report = verify_log(self.fetch_log(folder), self.public_keys())
        if not report.whole:
            raise TenancyError("the log is not whole")
        return report


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def person(name: str, group: str) -> Who:
    """Make a person of one group."""
    return Who(str(uuid5(NAMESPACE_URL, f"person/{name}")), (group,))


def detect(client: httpx.Client, picture: bytes, consent: str) -> str:
    """Have a picture's largest face detected under a consent, and give its face id."""
    reply = client.post(
        "/face/v1.2/detect",
        content=picture,
        headers={"Content-Type": "application/octet-stream", CONSENT_HEADER: consent},
    ).raise_for_status()
    faces = reply.json()
    if not faces:
        raise TenancyError("no face was found")
    return str(faces[0]["faceId"])


def compare(client: httpx.Client, first: str, second: str) -> bool:
    """Have two face ids compared; tell whether they are one person's."""
    body = {"faceId1": first, "faceId2": second}
    reply = client.post("/face/v1.2/verify", json=body).raise_for_status()
    identical: bool = reply.json()["isIdentical"]
    return identical


def wait_for[T](ask: Callable[[], T | None], otherwise: str) -> T:
    """Ask until there is an answer, for a bounded time."""
    deadline = time.monotonic() + CALL_SECONDS_MAX
    while time.monotonic() < deadline:
        found = ask()
        if found is not None:
            return found
        Event().wait(POLL_SECONDS)
    raise TenancyError(otherwise)
