"""A gate on in-memory stores, with one approved tenant, for tests of what stands behind it."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.support.governance import BOOK, PLACE, approval
from tests.support.memory import (
    Clock,
    MemoryAppends,
    MemorySigningKey,
    MemoryTable,
    MemoryWrappingKey,
)
from tests.support.people import people

from consentry.service.access import Access
from consentry.service.audit import AuditLog
from consentry.service.call import ApiKey, Call, Credential, Trigger
from consentry.service.callers import Callers, make_key
from consentry.service.consent_store import ConsentStore
from consentry.service.datakeys import DataKeys
from consentry.service.gate import Gate
from consentry.service.people import People
from consentry.service.quotas import Quotas
from consentry.trust.approvals import Approval, ApprovalState
from consentry.trust.operations import Capability, Operation
from consentry.trust.policy import PolicyBook

TENANT, OTHER, STRANGER = "contoso", "fabrikam", "northwind"


@dataclass
class GateRoom:
    """Gate, stores and a clock; TENANT and OTHER are served, STRANGER is not."""

    clock: Clock = field(default_factory=Clock)
    access_table: MemoryTable = field(default_factory=MemoryTable)
    callers_table: MemoryTable = field(default_factory=MemoryTable)
    consents_table: MemoryTable = field(default_factory=MemoryTable)
    keys_table: MemoryTable = field(default_factory=MemoryTable)
    quotas_table: MemoryTable = field(default_factory=MemoryTable)
    log: MemoryAppends = field(default_factory=MemoryAppends)
    wrapping: MemoryWrappingKey = field(default_factory=MemoryWrappingKey)
    signing: MemorySigningKey = field(default_factory=MemorySigningKey)
    deciding: MemorySigningKey = field(default_factory=MemorySigningKey)
    evidence: MemoryAppends = field(default_factory=MemoryAppends)
    book: PolicyBook = BOOK
    place: str = PLACE
    people: People = field(default_factory=lambda: people(TENANT, OTHER))

    def __post_init__(self) -> None:
        self.restart()
        self.key = self.callers.admit(make_key(TENANT), self.clock()).text

    def restart(self) -> None:
        """Begin a new process on the same stores: nothing is known, no chain is begun."""
        self.keys = DataKeys(self.keys_table, self.wrapping, self.clock)
        self.access = Access(
            self.access_table, self.deciding, self.evidence, ticks=self.clock.seconds
        )
        self.callers = Callers(self.callers_table, self.keys, (TENANT, OTHER))
        self.consents = ConsentStore(self.consents_table, self.signing, self.keys, (TENANT, OTHER))
        self.gate = Gate(
            self.callers,
            self.people,
            self.access,
            self.consents,
            self.book,
            self.keys,
            Quotas(self.quotas_table),
            AuditLog(self.log, self.clock),
            (TENANT, OTHER),
            self.clock,
            place=self.place,
            ticks=self.clock.seconds,
        )

    def approve(self, capability: Capability, tenant: str = TENANT, **more: Any) -> Approval:
        now = self.clock()
        wanted = {
            "tenant": tenant,
            "capability": capability,
            "valid_from": now,
            "valid_until": now + timedelta(days=1),
        }
        return self.access.approve(approval(**wanted | more), now)

    def revoke(self, capability: Capability, tenant: str = TENANT) -> Approval:
        decided = self.access.decided(tenant, capability)
        assert decided is not None
        return self.access.stop(decided, ApprovalState.REVOKED, "reviewer", self.clock())

    def call(
        self, operation: Operation = Operation.DETECT, credential: Credential | None = None
    ) -> Call:
        credential = credential or ApiKey(self.key)
        return Call(operation, credential, Trigger.HTTP, str(uuid4()), consent="p-4711")

    def records(self) -> list[dict[str, Any]]:
        """All audit records, oldest first within a chain."""
        lines = [line for part in self.log.list() for line in self.log.read(part.name).splitlines()]
        return [json.loads(line)["record"] for line in lines]

    def last(self) -> dict[str, Any]:
        """The only record, or the last of a chain."""
        return self.records()[-1]
