"""A worker that is killed at any point loses no record of a result that it released."""

import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from tests.contract.conftest import ROOT
from tests.support import killed_worker
from tests.support.governance import approval, conditions
from tests.support.stores import settings_on

from consentry.localhost.azurite import Azurite
from consentry.localhost.provision import provision
from consentry.service.audit_copy import LogCopy, export_log
from consentry.service.callers import make_key
from consentry.service.deployment import connect
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Capability
from consentry.trust.verification import verify_log

TENANT = "contoso"
KILLS = 200
RELEASES_MAX = 60  # that a worker makes known before it is killed


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with Azurite(ROOT) as azurite:
        provision(azurite.connection_string)
        yield settings_on(azurite, tmp_path / "keys", TENANT)


def lines(pipe: Connection) -> Iterator[str]:
    """Read whole lines until the other end is gone."""
    rest = b""
    while data := os.read(pipe.fileno(), 65_536):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode()


def approved(services: Services) -> str:
    now = datetime.now(UTC)
    wanted = approval(
        tenant=TENANT,
        capability=Capability.DETECT,
        valid_from=now - timedelta(minutes=1),
        valid_until=now + timedelta(days=1),
        conditions=conditions(rate_per_minute=1_000_000),  # more than all workers call
    )
    services.access.approve(wanted, now)
    return services.callers.admit(make_key(TENANT), now).text


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_no_record_of_a_released_result(
    environment: dict[str, str], tmp_path: Path
) -> None:
    settings = Settings.load(environment)
    services = assemble(settings, connect(settings))
    key, released = approved(services), set[str]()
    chance = random.Random(6962)  # noqa: S311 (repeatable, no secret)
    processes = get_context("forkserver")
    processes.set_forkserver_preload([killed_worker.__name__])
    for _ in range(KILLS):
        ours, theirs = processes.Pipe(duplex=False)
        worker = processes.Process(
            target=killed_worker.serve, args=(environment, key, theirs), daemon=True
        )
        worker.start()
        theirs.close()
        enough = chance.randrange(1, RELEASES_MAX)
        for number, identifier in enumerate(lines(ours), start=1):
            released.add(identifier)
            if number == enough:
                worker.kill()
        worker.join()
        ours.close()
        worker.close()
        services.upkeep.sealer.seal(datetime.now(UTC))
    services.upkeep.sealer.seal(datetime.now(UTC))
    copy = LogCopy(tmp_path / "log")
    export_log(services.parts.audit, copy.write)
    report = verify_log(copy, services.signing_key.public_keys())
    recorded = {
        json.loads(line)["record"]["id"]
        for part in copy.list()
        if part.name.endswith(".jsonl")
        for line in copy.read(part.name).splitlines()
    }
    assert report.whole
    assert report.chains == KILLS
    assert len(released) >= KILLS
    assert released <= recorded
