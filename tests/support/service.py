"""The whole service on in-memory twins and real models, in one process; the app on top of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import azure.functions as func
from tests.support.governance import approval, conditions
from tests.support.layer import layer_dir
from tests.support.memory import (
    Clock,
    MemoryAppends,
    MemoryBlobs,
    MemoryQueue,
    MemorySigningKey,
    MemoryTable,
    MemoryWrappingKey,
)
from tests.support.people import AUDIENCE, ISSUER_FILE, issuer, token

from consentry.azure.names import Container, QueueName, TableName
from consentry.service.callers import make_key
from consentry.service.parts import Parts
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.approvals import ApprovalState
from consentry.trust.operations import Capability, Role
from consentry.trust.policy import PolicyBook
from registry import make_app

TENANT = "contoso"
STRANGER = "northwind"  # served, never approved


@dataclass
class Context:
    """What the worker passes to a function that asks for it."""

    invocation_id: str = "0190a5d4-0000-7000-8000-00000000abcd"


@dataclass
class Arrived:
    """What the blob trigger's binding tells of a blob."""

    blob_name: str


@dataclass(frozen=True)
class World:
    """Services on twins, and the twins themselves to look into and to break."""

    services: Services
    clock: Clock
    blobs: MemoryBlobs
    audit: MemoryAppends
    tables: dict[TableName, MemoryTable]
    queues: dict[QueueName, MemoryQueue]
    keys: dict[str, str] = field(default_factory=dict)

    def approve(self, tenant: str = TENANT, **more: Any) -> None:
        """Approve a tenant for everything, for a day, under conditions with ``more``."""
        now = self.clock()
        for capability in Capability:
            wanted = approval(
                tenant=tenant,
                capability=capability,
                valid_from=now,
                valid_until=now + timedelta(days=1),
                conditions=conditions(**more),
            )
            self.services.access.approve(wanted, now)

    def revoke(self, capability: Capability, tenant: str = TENANT) -> None:
        """Revoke one approval."""
        decided = self.services.access.decided(tenant, capability)
        assert decided is not None
        self.services.access.stop(decided, ApprovalState.REVOKED, "tests", self.clock())

    def drop(self, name: str, data: bytes, **metadata: str) -> str:
        """Put a blob into the inbox; the event is the test's to send."""
        return self.blobs.write(
            Container.INBOX, name, data, content_type="image/jpeg", metadata=metadata
        )

    def arrive(self, name: str) -> None:
        """Send the event of a blob."""
        self.services.inbox.arrived(name, Context().invocation_id)

    def content(self, container: Container, name: str) -> bytes | None:
        """Content of a blob, or None."""
        found = self.blobs.read(container, name, limit=10**8)
        return None if found is None else found.data

    def names(self, container: Container) -> list[str]:
        """Names of all blobs of a container."""
        return [found.name for found in self.blobs.list(container, "")]

    def records(self) -> list[dict[str, Any]]:
        """All audit records, in order."""
        lines = [
            json.loads(line)
            for found in self.audit.list()
            if found.name.endswith(".jsonl")
            for line in self.audit.read(found.name).splitlines()
        ]
        return [line["record"] for line in lines]


def make_world(book: PolicyBook | None = None, **settings: str) -> World:
    """Make a service that stands on nothing but memory, and on the tests' issuer."""
    issuer()
    clock = Clock()
    blobs, audit = MemoryBlobs(clock), MemoryAppends()
    tables = {name: MemoryTable() for name in TableName}
    queues = {name: MemoryQueue() for name in QueueName}
    parts = Parts(
        blobs=blobs,
        audit=audit,
        decisions=MemoryAppends(),
        table=tables.__getitem__,
        queue=queues.__getitem__,
        signing_key=MemorySigningKey(),
        decision_key=MemorySigningKey(),
        wrapping_key=MemoryWrappingKey(),
        clock=clock,
    )
    environment = {
        "CONSENTRY_ENVIRONMENT": "development",
        "CONSENTRY_TENANTS": f"{TENANT},{STRANGER}",
        "CONSENTRY_JURISDICTION": "DE",
        "CONSENTRY_CONTACT": "privacy@operator.example",
        "CONSENTRY_WORK_BLOB_ENDPOINT": "http://127.0.0.1/blob",
        "CONSENTRY_WORK_TABLE_ENDPOINT": "http://127.0.0.1/table",
        "CONSENTRY_WORK_QUEUE_ENDPOINT": "http://127.0.0.1/queue",
        "CONSENTRY_AUDIT_BLOB_ENDPOINT": "http://127.0.0.1/audit",
        "CONSENTRY_LOCAL_KEYS": "unused",
        "CONSENTRY_LAYER": str(layer_dir()),
        "CONSENTRY_AUDIENCE": AUDIENCE,
        "CONSENTRY_LOCAL_ISSUER": str(ISSUER_FILE),
    }
    services = assemble(Settings.load(environment | settings), parts, book)
    world = World(services, clock, blobs, audit, tables, queues)
    for tenant in (TENANT, STRANGER):
        world.keys[tenant] = services.callers.admit(make_key(tenant), clock()).text
    return world


def http_request(
    world: World,
    *,
    method: str = "POST",
    body: bytes = b"",
    tenant: str | None = TENANT,
    person: tuple[Role, str] | None = None,
    route: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    url: str = "/",
    **headers: str,
) -> func.HttpRequest:
    """Make a request as the worker makes it, with a tenant's key or a person's token."""
    sent = {"content-length": str(len(body)), "content-type": "application/octet-stream"}
    if person is not None:
        bearer = token(*person, tenant or TENANT, world.clock())
        sent["authorization"] = f"Bearer {bearer}"
    elif tenant is not None:
        sent["ocp-apim-subscription-key"] = world.keys[tenant]
    return func.HttpRequest(
        method=method,
        url=url,
        headers=sent | {name.replace("_", "-"): value for name, value in headers.items()},
        params=params or {},
        route_params=route or {},
        body=body,
    )


Functions = Mapping[str, Any]
"""The library's functions by name; each holds its bindings and the handler."""


def functions_of(services: Services | Callable[[], Services]) -> Functions:
    """Make the app and give its functions, which an app gives only once."""
    app = make_app((lambda: services) if isinstance(services, Services) else services)
    return {str(function.get_function_name()): function for function in app.get_functions()}


def handler(functions: Functions, name: str) -> Callable[..., Any]:
    """A function's handler, as the worker calls it."""
    found: Callable[..., Any] = functions[name].get_user_function()
    return found


@dataclass
class App:
    """The functions on top of a world, called as the worker calls them."""

    world: World
    functions: Functions = field(init=False)

    def __post_init__(self) -> None:
        self.functions = functions_of(self.world.services)

    def reply(self, function: str, **request: Any) -> func.HttpResponse:
        """Send a request, made as ``http_request`` makes it, and give the reply."""
        sent = http_request(self.world, **request)
        reply: func.HttpResponse = handler(self.functions, function)(sent, Context())
        return reply

    def ask(self, function: str, *, document: Any = None, expect: int = 200, **request: Any) -> Any:
        """Send a request, with a JSON document if there is one, and give what is replied."""
        if document is not None:
            request |= {"body": json.dumps(document).encode(), "content_type": "application/json"}
        reply = self.reply(function, **request)
        assert reply.status_code == expect, reply.get_body()
        content = reply.get_body()
        return json.loads(content) if reply.mimetype == "application/json" else content

    def run(self, timer: str) -> None:
        """Run the function of a timer."""
        handler(self.functions, timer)(None, Context())
