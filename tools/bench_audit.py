"""How many audited invocations a second the gate takes: `make bench-audit`.

Each invocation is whole but for its work, which does nothing: the caller's key and the approval
are checked, and the record is durable in Azurite before the call returns. Afterwards the log is
sealed, exported and verified: every call that returned has its record, once, and in the order in
which its thread made the calls.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from consentry.localhost.azurite import Azurite
from consentry.localhost.environment import service_settings
from consentry.localhost.provision import provision
from consentry.service.audit_copy import LogCopy, export_log
from consentry.service.call import ApiKey, Call, Trigger
from consentry.service.callers import make_key
from consentry.service.deployment import connect
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.approvals import Approval, ApprovalState, Conditions
from consentry.trust.operations import Capability, Operation
from consentry.trust.policy import ConsentRule
from consentry.trust.verification import verify_log

ROOT = Path(__file__).resolve().parent.parent
TENANT = "contoso"
WARM_UP_CALLS = 50
RATE_PER_MINUTE = 1_000_000

console = Console(highlight=False)


@dataclass(frozen=True)
class Load:
    """What one process does, and how long it took: seconds of wall and of processor time."""

    calls: int
    seconds: float
    processor_seconds: float


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    """Run Azurite in memory and give the settings of a service on it."""
    with tempfile.TemporaryDirectory() as keys, Azurite(ROOT) as azurite:
        provision(azurite.connection_string)
        layer = ROOT / ".consentry" / "layer"
        yield service_settings(azurite, (TENANT,), keys=Path(keys), layer=layer)


def service(environment: dict[str, str]) -> Services:
    """Put a service together as a worker process does."""
    settings = Settings.load(environment)
    return assemble(settings, connect(settings))


def approve(services: Services, *capabilities: Capability) -> None:
    """Approve the tenant, at a rate that no bench reaches."""
    now = datetime.now(UTC)
    policy = services.applications.book.in_force(now)
    plain = Approval(
        id=uuid7(now),
        version=0,
        tenant=TENANT,
        capability=Capability.DETECT,
        use_case="touchless_access",
        state=ApprovalState.APPROVED,
        valid_from=now - timedelta(minutes=1),
        valid_until=now + timedelta(days=1),
        decided_by=("bench",),
        decided_at=now,
        application=uuid7(now),
        policy_version=policy.version,
        policy_digest=policy.digest,
        conditions=Conditions(("DE",), ConsentRule.REQUIRED, RATE_PER_MINUTE, 1),
    )
    for capability in capabilities:
        services.access.approve(replace(plain, capability=capability), now)


def numbered(process: int, thread: int, number: int, invocation: Invocation) -> Outcome[None]:
    """Do nothing but leave a number in the record."""
    invocation.count(process=process, thread=thread, number=number)
    return Outcome(None)


def run(environment: dict[str, str], threads: int, seconds: float, process: int) -> Load:
    """Call for a time from so many threads, each with a caller's key of its own."""
    services = service(environment)
    now = datetime.now(UTC)
    drawn = [make_key(TENANT) for _ in range(threads + 1)]
    keys = [services.callers.admit(key, now).text for key in drawn]

    def call(thread: int, number: int) -> None:
        asked = Call(Operation.DETECT, ApiKey(keys[thread]), Trigger.HTTP, str(uuid4()))
        services.gate.run(asked, partial(numbered, process, thread, number))

    for number in range(WARM_UP_CALLS):
        call(threads, number)
    started, processor = time.perf_counter(), time.process_time()

    def keep_calling(thread: int) -> int:
        number = 0
        while time.perf_counter() - started < seconds:
            call(thread, number)
            number += 1
        return number

    with ThreadPoolExecutor(threads) as pool:
        calls = sum(pool.map(keep_calling, range(threads)))
    return Load(calls, time.perf_counter() - started, time.process_time() - processor)


def check(services: Services, loads: list[Load], threads: int) -> str:
    """Verify the log and find every call in it, once and in order."""
    services.upkeep.sealer.seal(datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        copy = LogCopy(Path(folder))
        export_log(services.parts.audit, copy.write)
        report = verify_log(copy, services.signing_key.public_keys())
        numbers: dict[tuple[int, int], list[int]] = defaultdict(list)
        chains: dict[int, set[str]] = defaultdict(set)
        for part in copy.list():
            for line in copy.read(part.name).splitlines() if part.name.endswith("jsonl") else ():
                found = json.loads(line)
                counts = found["record"]["counts"]
                numbers[counts["process"], counts["thread"]].append(counts["number"])
                chains[counts["process"]].add(found["chain"])
    expected = Counter({process: load.calls + WARM_UP_CALLS for process, load in enumerate(loads)})
    found_calls: Counter[int] = Counter()
    for (process, _), calls in numbers.items():
        found_calls[process] += len(calls)
        if calls != list(range(len(calls))):
            raise SystemExit("records of one thread are missing or not in its order")
    if not report.whole or found_calls != expected or len(numbers) != len(loads) * (threads + 1):
        raise SystemExit("the log does not hold every call once")
    return f"{report.records} records in {report.chains} chains; none lost, order kept, log whole"


def main() -> None:
    """Measure and tell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options.add_argument("--threads", type=int, default=32)
    options.add_argument("--seconds", type=float, default=10)
    given = options.parse_args()
    cores = os.process_cpu_count()
    console.print(f"Python {platform.python_version()}, {cores} cores, Azurite in memory")
    for processes in given.processes:
        with stores() as environment:
            services = service(environment)
            approve(services, Capability.DETECT)
            work = partial(run, environment, given.threads, given.seconds)
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                loads = list(pool.map(work, range(processes)))
            rate = sum(load.calls / load.seconds for load in loads)
            cost = sum(load.processor_seconds for load in loads) / sum(load.calls for load in loads)
            console.print(
                f"{processes} process(es) of {given.threads} threads: {rate:.0f} invocations/s, "
                f"{1000 * cost:.2f} ms of processor time each in our processes; "
                f"load average {os.getloadavg()[0]:.1f}"
            )
            console.print(f"  {check(services, loads, given.threads)}")


if __name__ == "__main__":
    main()
