"""Workers that are killed at random while they redact videos leave right results or none."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.contract.conftest import ROOT
from tests.support import video_worker
from tests.support.governance import approval, conditions
from tests.support.jobs import RATE, film
from tests.support.layer import vision
from tests.support.stores import settings_on
from tests.support.videos import decoded

from consentry.azure.names import Container, TableName
from consentry.localhost.azurite import Azurite
from consentry.localhost.provision import provision
from consentry.service.deployment import connect
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.store import JobStore
from consentry.service.manifests import VIDEO, open_signed
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Capability

TENANT = "contoso"
JOBS = 50
WORKERS = 2
KILLS = 60
STEPS_MAX = 8  # that a worker ends before it is killed
INSIDE_SECONDS_MAX = 0.4  # into the next step
END_SECONDS = 900


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with Azurite(ROOT) as azurite:
        provision(azurite.connection_string)
        yield {
            **settings_on(azurite, tmp_path / "keys", TENANT),
            "CONSENTRY_PIECE_SECONDS": "1",
            "CONSENTRY_THREADS": "1",
        }


@dataclass
class Worker:
    """A worker, and how many more of its lines are awaited before it is killed."""

    process: BaseProcess
    told: Connection
    steps: int


class Crew:
    """Workers, each replaced when it was killed."""

    def __init__(self, environment: dict[str, str], chance: random.Random) -> None:
        self._environment = environment
        self._chance = chance
        self._processes = get_context("forkserver")
        self._processes.set_forkserver_preload([video_worker.__name__])
        self.workers = [self._start() for _ in range(WORKERS)]
        self.kills = 0

    def watch(self) -> None:
        """Read what is told; kill whoever has ended enough steps, somewhere inside of the next."""
        ready = wait([worker.told for worker in self.workers], timeout=END_SECONDS)
        for number, worker in enumerate(self.workers):
            if worker.told in ready and worker.told.recv_bytes() == video_worker.DONE:
                worker.steps -= 1
                if worker.steps <= 0 and self.kills < KILLS:
                    worker.told.poll(self._chance.uniform(0, INSIDE_SECONDS_MAX))
                    self._end(worker)
                    self.kills += 1
                    self.workers[number] = self._start()

    def close(self) -> None:
        """End all."""
        for worker in self.workers:
            self._end(worker)

    def _start(self) -> Worker:
        ours, theirs = self._processes.Pipe()
        process = self._processes.Process(
            target=video_worker.work, args=(self._environment, theirs), daemon=True
        )
        process.start()
        theirs.close()
        return Worker(process, ours, self._chance.randrange(1, STEPS_MAX))

    def _end(self, worker: Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.told.close()


def approved(services: Services) -> None:
    now = datetime.now(UTC)
    wanted = approval(
        tenant=TENANT,
        capability=Capability.REDACT,
        valid_from=now - timedelta(minutes=1),
        valid_until=now + timedelta(days=1),
        conditions=conditions(rate_per_minute=1_000_000),
    )
    services.access.approve(wanted, now)


def drop(services: Services, number: int) -> None:
    name = f"{TENANT}/{number:02}.mp4"
    data = film(1 + number % 2)
    services.parts.blobs.write(Container.INBOX, name, data, content_type="video/mp4")
    services.inbox.arrived(name, "")


def names(services: Services, container: Container) -> set[str]:
    return {blob.name for blob in services.parts.blobs.list(container, "")}


def check_result(services: Services, job: Job) -> None:
    """Hold a result against its job: whole, masked, and as its manifest says."""
    number = int(Path(job.name).stem)
    blob = services.parts.blobs.read(Container.REDACTED, job.result, limit=10**8)
    signed = services.parts.blobs.read(
        Container.REDACTED, f"{job.result}.manifest.json", limit=10**8
    )
    assert blob is not None
    assert signed is not None
    told = open_signed(signed.data, kind=VIDEO, public_keys=services.signing_key.public_keys())
    assert told["output"]["sha256"] == hashlib.sha256(blob.data).hexdigest()
    frames, _ = decoded(blob.data)
    assert len(frames) == RATE * (1 + number % 2)
    assert not any(vision().detect(frame) for frame in frames[::5])


@pytest.mark.slow
def test_workers_that_are_killed_leave_right_results_or_none_and_nothing_else(
    environment: dict[str, str],
) -> None:
    settings = Settings.load(environment)
    services = assemble(settings, connect(settings))
    approved(services)
    for number in range(JOBS):
        drop(services, number)
    store = JobStore(services.parts.table(TableName.JOBS))
    messages = video_worker.queue(settings)
    with ExitStack() as stack:
        crew = Crew(environment, random.Random(4711))  # noqa: S311 (repeatable, no secret)
        stack.callback(crew.close)
        while messages.get_queue_properties().approximate_message_count or not all(
            job.settled for job in store.all(TENANT)
        ):
            crew.watch()
    ended = list(store.all(TENANT))
    done = [job for job in ended if job.state is State.DONE]
    failed = {job.upload.blob for job in ended if job.state is State.FAILED}
    assert (len(ended), len(done) + len(failed), crew.kills) == (JOBS, JOBS, KILLS)
    assert done
    for job in done:
        check_result(services, job)
    results = {job.result for job in done}
    assert names(services, Container.REDACTED) == results | {f"{r}.manifest.json" for r in results}
    reasons = {f"{blob}.reason.json" for blob in failed}
    assert names(services, Container.QUARANTINE) == failed | reasons
    assert names(services, Container.INBOX) == names(services, Container.PIECES) == set()
    rows = [row.row for row in services.parts.table(TableName.JOBS).query()]
    assert all(row.startswith("job:") for row in rows)
