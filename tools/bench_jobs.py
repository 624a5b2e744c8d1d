"""How long a video's job takes on one worker and on two, and what that means for longer ones.

`make bench-jobs`: a clip goes through inbox, queue and table of a real Azurite, worked on by
processes that take one message at a time with one thread each, as instances of the app do. From
the processor time of its steps, which other load on the machine changes little, the last table
computes wall time and cost for other lengths and numbers of instances with a core each; prices and
memory are those of infra/prices.toml.
"""

import math
import os
import platform
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final
from uuid import uuid4

from azure.storage.queue import QueueClient, TextBase64DecodePolicy
from bench_audit import TENANT, approve, service, stores
from bench_video import RATE, street
from rich.console import Console
from rich.table import Table

from consentry.azure.credentials import storage_credential
from consentry.azure.names import Container, QueueName, TableName
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.messages import StepMessage
from consentry.service.jobs.store import JobStore
from consentry.service.services import Services
from consentry.trust.operations import Capability

PRICES: Final = Path(__file__).resolve().parent.parent / "infra" / "prices.toml"
WORKERS: Final = (1, 2)
MINUTES: Final = (1, 10, 60)
INSTANCES: Final = (1, 10, 100)
IDLE_SECONDS: Final = 0.05
CLIP_SECONDS: Final = 8
PIECE_SECONDS: Final = 2
INVISIBLE_SECONDS: Final = 600  # of a message in work, as the host has it
SETTINGS: Final = {"CONSENTRY_THREADS": "1", "CONSENTRY_PIECE_SECONDS": str(PIECE_SECONDS)}

console = Console(highlight=False)


@dataclass(frozen=True)
class Measured:
    """One job: wall time in seconds, its end, and its steps' processor seconds by their state."""

    seconds: float
    job: Job
    steps: Mapping[State, list[float]]


def work(environment: dict[str, str], told: Connection) -> None:
    """Take messages until the process is ended; tell of each its state and processor seconds."""
    services = service(environment)
    services.vision.warm_up()
    queue = QueueClient(
        environment["CONSENTRY_WORK_QUEUE_ENDPOINT"],
        QueueName.VIDEO,
        credential=storage_credential(emulated=True, client_id=""),
        message_decode_policy=TextBase64DecodePolicy(),
    )
    told.send(None)
    while True:
        message = queue.receive_message(visibility_timeout=INVISIBLE_SECONDS)
        if message is None:
            time.sleep(IDLE_SECONDS)
            continue
        started = time.process_time()
        text = str(message.content)
        services.jobs().steps.take(text.encode(), str(uuid4()))
        queue.delete_message(message)
        told.send((StepMessage.parse(text).state, time.process_time() - started))


def measure(clip: Path, workers: int) -> Measured:
    """Run one job on so many workers."""
    processes = get_context("forkserver")
    with stores() as stored:
        environment = stored | SETTINGS
        services = service(environment)
        approve(services, Capability.REDACT)
        pipes = []
        crew = []
        for _ in range(workers):
            ours, theirs = processes.Pipe(duplex=False)
            crew.append(processes.Process(target=work, args=(environment, theirs), daemon=True))
            crew[-1].start()
            theirs.close()
            pipes.append(ours)
        for pipe in pipes:
            pipe.recv()
        started = time.perf_counter()
        drop(services, clip)
        steps: dict[State, list[float]] = defaultdict(list)
        store = JobStore(services.parts.table(TableName.JOBS))
        while not (job := next(store.all(TENANT))).settled:
            ready = wait(pipes)
            for pipe in (pipe for pipe in pipes if pipe in ready):
                state, seconds = pipe.recv()
                steps[state].append(seconds)
        elapsed = time.perf_counter() - started
        for process in crew:
            process.kill()
            process.join()
    if job.state is not State.DONE:
        raise SystemExit(f"the job is {job.state}: {job.code}")
    return Measured(elapsed, job, steps)


def drop(services: Services, clip: Path) -> None:
    """Put the clip into the inbox and tell of it."""
    name = f"{TENANT}/clip.mp4"
    data = clip.read_bytes()
    services.parts.blobs.write(Container.INBOX, name, data, content_type="video/mp4")
    services.inbox.arrived(name, "")


def show_measured(found: Mapping[int, Measured]) -> None:
    """Print what was measured."""
    one = found[1]
    table = Table("workers", "wall s", "frames/s", "speed-up", box=None)
    for workers, measured in found.items():
        table.add_row(
            str(workers),
            f"{measured.seconds:.1f}",
            f"{measured.job.frames / measured.seconds:.1f}",
            f"{one.seconds / measured.seconds:.2f}",
        )
    console.print(table)
    steps = Table("step", "messages", "mean CPU s", "together CPU s", box=None)
    for state, seconds in one.steps.items():
        total = sum(seconds)
        steps.add_row(state, str(len(seconds)), f"{total / len(seconds):.2f}", f"{total:.1f}")
    console.print(steps)


def show_computed(one: Measured) -> None:
    """Print wall time and cost for other lengths and numbers of instances.

    Looking through and writing are shared among instances, each taking whole pieces; what is done
    once (cutting, planning, joining) is taken to grow with the length.
    """
    prices = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    price = prices["compute"]["gb_second"] * prices["photo"]["memory_gb"]
    minutes = one.job.frames / RATE / 60
    shared = (sum(one.steps[State.SCANNING]) + sum(one.steps[State.WRITING])) / minutes
    once = sum(map(sum, one.steps.values())) / minutes - shared
    per_minute = one.job.pieces / minutes
    table = Table(
        "minutes of video", *(f"wall min, {n} instances" for n in INSTANCES), "US$", box=None
    )
    for length in MINUTES:
        pieces = math.ceil(length * per_minute)
        walls = [once * length + math.ceil(pieces / n) * shared / per_minute for n in INSTANCES]
        cost = (once + shared) * length * price
        table.add_row(str(length), *(f"{wall / 60:.1f}" for wall in walls), f"{cost:.3f}")
    console.print(table)
    console.print(
        f"once {once:.1f} s and shared {shared:.1f} s a minute of video, {per_minute:.1f} pieces a"
        f" minute; {prices['photo']['memory_gb']:g} GB at {price:g} US$ a second"
    )


def main() -> int:
    """Measure, compute and print."""
    load = os.getloadavg()[0]
    console.print(f"{platform.platform()}, {os.cpu_count()} cores, load {load:.1f}")
    with tempfile.TemporaryDirectory(prefix="consentry-bench-") as folder:
        clip = street(Path(folder), seconds=CLIP_SECONDS, key_every=PIECE_SECONDS)
        found = {workers: measure(clip, workers) for workers in WORKERS}
    job = found[1].job
    console.print(f"1280x720, {job.frames} frames, {job.pieces} pieces, {job.round} rounds")
    show_measured(found)
    show_computed(found[1])
    console.print(f"{datetime.now(UTC):%Y-%m-%d}, load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
