"""A running local stack with tenants in every state, and what a test asks of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.support.polling import until

from consentry.azure.names import Container
from consentry.cli import firststeps
from consentry.cli.client import Governance
from consentry.localhost.stack import Stack
from consentry.service.deployment import connect
from consentry.service.manifests import open_signed
from consentry.service.ports import PublicKey
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Capability, Role

ROOT = Path(__file__).resolve().parents[2]
KEY_HEADER = "Ocp-Apim-Subscription-Key"
CONSENT_HEADER = "X-Consentry-Consent"

APPROVED = "contoso"  # approved for everything
OTHER = "fabrikam"  # approved for everything, and none of contoso's business
UNAPPROVED = "northwind"  # served, has a key, never approved
REDACT_ONLY = "tailspin"  # approved for redaction and detection alone
SLOW = "litware"  # approved for detection alone, twice a minute
APPLYING = "adatum"  # applies and is decided on in the tests themselves
TENANTS = (APPROVED, OTHER, UNAPPROVED, REDACT_ONLY, SLOW, APPLYING)

HTTP_SECONDS = 60


@dataclass
class Deployment:
    """The stack, the operator's view of the same stores, and one key for each tenant."""

    stack: Stack
    services: Services
    keys: dict[str, str] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)

    @property
    def issuer(self) -> Path:
        """Public keys of the stack's development issuer."""
        issuer = self.services.settings.local_issuer
        assert issuer is not None
        return issuer

    def person(self, role: Role, name: str, tenant: str = "") -> Governance:
        """Reach the stack as a person."""
        return firststeps.as_person(self.stack.url, self.issuer, role, name, tenant)

    def approve(self, tenant: str, *capabilities: Capability) -> None:
        """Have approvals decided on, each on an application of its own."""
        for capability in capabilities:
            firststeps.approve(self.stack.url, self.issuer, tenant, [capability])

    def revoke(self, tenant: str, capability: Capability) -> None:
        """Have one approval revoked."""
        with self.person(Role.ADMIN, "root") as admin:
            for case in admin.list():
                words = case["application"]["capabilities"]
                if (case["tenant"], case["state"], words) == (tenant, "approved", [capability]):
                    admin.change(case["id"], "revoke")

    def new_key(self, tenant: str) -> str:
        """Make one more key for a tenant."""
        return firststeps.make_key(self.stack.url, self.issuer, tenant)

    def client(self, tenant: str = APPROVED, **headers: str) -> httpx.Client:
        """Make an HTTP client that carries the tenant's key and a consent of its."""
        return httpx.Client(
            base_url=self.stack.url,
            headers={
                KEY_HEADER: self.keys[tenant],
                CONSENT_HEADER: self.consents.get(tenant, ""),
                **headers,
            },
            timeout=HTTP_SECONDS,
        )

    def give_consent(self, tenant: str = APPROVED, subject: str = "p-1") -> str:
        """Register one more consent; give the receipt's id."""
        return firststeps.give_consent(self.stack.url, self.keys[tenant], subject)

    def drop(self, name: str, data: bytes, **metadata: str) -> str:
        """Write a blob straight into the inbox, as somebody with write access does."""
        return self.services.parts.blobs.write(
            Container.INBOX,
            name,
            data,
            content_type="application/octet-stream",
            metadata=metadata,
        )

    def blob(self, container: Container, name: str) -> bytes | None:
        """Give a blob's content, or None."""
        found = self.services.parts.blobs.read(container, name, limit=10**8)
        return None if found is None else found.data

    def wait_for_blob(self, container: Container, name: str) -> bytes:
        """Wait until the functions have made a blob."""
        return until(lambda: self.blob(container, name)) or b""

    def names(self, container: Container, prefix: str = "") -> set[str]:
        """Names of all blobs."""
        return {found.name for found in self.services.parts.blobs.list(container, prefix)}

    def records(self) -> list[dict[str, Any]]:
        """All audit records so far, in order of time."""
        store = self.services.parts.audit
        lines = [
            json.loads(line)
            for found in store.list()
            if found.name.endswith(".jsonl")
            for line in store.read(found.name).splitlines()
        ]
        return sorted((line["record"] for line in lines), key=lambda record: record["id"])

    def open(self, kind: str, file: bytes) -> dict[str, Any]:
        """Open a signed file with the keys that the service publishes."""
        published = httpx.get(f"{self.stack.url}/keys").json()["keys"]
        keys = [PublicKey(jwk["kid"], jwk) for jwk in published]
        return open_signed(file, kind=kind, public_keys=keys)

    @contextmanager
    def new_records(self) -> Iterator[list[dict[str, Any]]]:
        """Collect the records that calls inside of the block leave."""
        before = {record["id"] for record in self.records()}
        added: list[dict[str, Any]] = []
        yield added
        added += [
            record
            for record in self.records()
            if record["id"] not in before and not record["principal"].startswith("system:")
        ]


def seal_now(running: Deployment) -> None:
    """Run the timer's function, and wait until there is another checkpoint."""
    sealed = len(list(running.services.parts.audit.list("checkpoints/")))
    reply = httpx.post(
        f"{running.stack.url}/admin/functions/seal_audit_log",
        json={"input": ""},
        headers={"x-functions-key": running.stack.keys.master},
    )
    assert reply.status_code == 202
    until(lambda: len(list(running.services.parts.audit.list("checkpoints/"))) > sealed + 1)


@contextmanager
def deployment() -> Iterator[Deployment]:
    """Run a stack with all tenants; ends with no process left."""
    with Stack(ROOT, ROOT / "functions", tenants=TENANTS) as stack:
        settings = Settings.load(stack.environment)
        services = assemble(settings, connect(settings))
        running = Deployment(stack, services)
        for tenant in TENANTS:
            running.keys[tenant] = running.new_key(tenant)
        running.approve(APPROVED, *Capability)
        running.approve(OTHER, *Capability)
        running.approve(REDACT_ONLY, Capability.REDACT, Capability.DETECT)
        firststeps.approve(stack.url, running.issuer, SLOW, [Capability.DETECT], rate=2)
        for tenant in (APPROVED, OTHER):
            running.consents[tenant] = running.give_consent(tenant)
        yield running
