"""Erasure by processes that are killed on the way, retention and rotation: all on real stores."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

import pytest
from tests.contract.conftest import ROOT
from tests.support import killed_eraser
from tests.support.governance import approval
from tests.support.polling import until
from tests.support.stores import settings_on

from consentry.azure.names import Container, TableName
from consentry.limits import DELETION_BYTES_MAX, ERASURE_SETTLE_SECONDS
from consentry.localhost.azurite import Azurite
from consentry.localhost.provision import provision
from consentry.service.call import Call, OperatorCommand, SystemTimer, Trigger
from consentry.service.callers import make_key
from consentry.service.datakeys import Purpose
from consentry.service.deployment import connect
from consentry.service.invocation import Invocation, Outcome
from consentry.service.parts import utc_now
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.deletions import open_deletion
from consentry.trust.operations import Capability, Operation

TENANT, OTHER = "contoso", "fabrikam"
BLOBS = 40  # in each container
KILLED_AT = (70, 30)  # things that are left


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with Azurite(ROOT) as azurite:
        provision(azurite.connection_string)
        yield settings_on(azurite, tmp_path / "keys", TENANT, OTHER)


def fill(services: Services, tenant: str) -> None:
    now = utc_now()
    for capability in Capability:
        wanted = approval(
            tenant=tenant,
            capability=capability,
            valid_from=now,
            valid_until=now + timedelta(days=1),
        )
        services.access.approve(wanted, now)
    services.callers.admit(make_key(tenant), now)
    services.faces.templates.keys.get(tenant, Purpose.TEMPLATES)
    rows = {str(uuid4()): {"expires": now + timedelta(hours=1)} for _ in range(10)}
    for name in (TableName.TEMPLATES, TableName.UPLOADS):
        services.parts.table(name).put_together(tenant, rows)
    for container in (Container.INBOX, Container.REDACTED):
        for number in range(BLOBS):
            blob = f"{tenant}/{number:03} ü.jpg"
            services.parts.blobs.write(container, blob, b"data", content_type="image/jpeg")


def left(services: Services, tenant: str) -> int:
    return sum(services.keeping.erasures.belongings.count(tenant).values())


@pytest.mark.slow
def test_an_erasure_whose_processes_are_killed_leaves_nothing_and_one_receipt(
    environment: dict[str, str],
) -> None:
    settings = Settings.load(environment)
    services = assemble(settings, connect(settings))
    for tenant in (TENANT, OTHER):
        fill(services, tenant)
    before = left(services, TENANT)
    for number in KILLED_AT:
        eraser = get_context("spawn").Process(
            target=killed_eraser.erase, args=(environment, TENANT), daemon=True
        )
        eraser.start()
        until(partial(at_most, services, number), seconds=60)
        assert eraser.pid is not None
        os.kill(eraser.pid, signal.SIGKILL)
        eraser.join()
    assert 0 < left(services, TENANT) <= KILLED_AT[-1]

    def later() -> datetime:
        return utc_now() + timedelta(seconds=ERASURE_SETTLE_SECONDS)

    late = assemble(settings, replace(connect(settings), clock=later))
    call = Call(Operation.ERASE_TENANT, OperatorCommand(), Trigger.COMMAND, str(uuid4()))
    [job] = late.gate.run(call, late.keeping.erasures.carry_on)
    assert (left(services, TENANT), left(services, OTHER)) == (0, before)
    blob = services.parts.blobs.read(
        Container.DELETIONS, f"{job.receipt}.jws", limit=DELETION_BYTES_MAX
    )
    assert blob is not None
    receipt = open_deletion(blob.data, public_keys=services.signing_key.public_keys())
    counted = {part.kind: part.count for part in receipt.deleted}
    assert (counted["inbox"], counted["redacted"]) == (BLOBS, BLOBS)
    assert (counted["templates"], counted["uploads"], counted["datakeys"]) == (10, 10, 1)
    names = [found.name for found in services.parts.blobs.list(Container.DELETIONS, "")]
    assert sorted(names) == sorted([f"{job.receipt}.jws", f"erased/{TENANT}.json"])


def at_most(services: Services, number: int) -> bool:
    return left(services, TENANT) <= number


def test_retention_orphans_and_rotation_on_real_stores(environment: dict[str, str]) -> None:
    settings = Settings.load(environment | {"CONSENTRY_REDACTED_DAYS": "2"})
    parts = connect(settings)
    services = assemble(settings, parts)
    for name in ("a ü.jpg", "a ü.jpg.manifest.json", "b.jpg.manifest.json"):
        services.parts.blobs.write(
            Container.REDACTED, f"{TENANT}/{name}", b"data", content_type="image/jpeg"
        )
    key = services.faces.templates.keys.get(TENANT, Purpose.TEMPLATES)

    def after(days: float) -> Services:
        return assemble(settings, replace(parts, clock=lambda: utc_now() + timedelta(days=days)))

    def run(late: Services, work: Callable[[Invocation], Outcome[None]]) -> list[str]:
        call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
        late.gate.run(call, work)
        found = services.parts.blobs.list(Container.REDACTED, "")
        return [blob.name.removeprefix(f"{TENANT}/") for blob in found]

    soon, later, much_later = after(0.5), after(2.01), after(40)
    whole = ["a ü.jpg", "a ü.jpg.manifest.json"]
    assert run(soon, soon.keeping.orphans.cure) == whole
    assert run(soon, soon.keeping.retention.enforce) == whole
    assert run(later, later.keeping.retention.enforce) == whole[1:]
    [overdue] = [
        finding
        for finding in much_later.keeping.inspection.findings(utc_now() + timedelta(days=40))
        if finding.overdue
    ]
    assert (overdue.what, overdue.overdue) == ("redacted", 1)
    run(much_later, much_later.keeping.rotation.carry_on)
    keys = much_later.faces.templates.keys
    assert keys.newest(TENANT, Purpose.TEMPLATES).version == 2
    old = keys.version(TENANT, Purpose.TEMPLATES, 1)
    assert old is not None
    assert old.key == key
