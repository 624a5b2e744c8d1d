"""How long things take on this machine, from one run: `make bench`.

Every figure is a median over fresh requests against the development host and Azurite on this
machine; beside it stands the time inside of the models, as the replies tell it (Server-Timing).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
from bench_audit import approve
from PIL import Image
from rich.console import Console
from rich.table import Table

from consentry.cli import firststeps, local
from consentry.localhost.stack import Stack
from consentry.service.call import ApiKey, Call, Trigger
from consentry.service.deployment import connect
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Capability, Operation
from consentry.trust.tripwire import Mark
from consentry.vision import MaskOptions, TemplateProfile, Vision, model_seconds, similarity, spent
from consentry.vision.stages import MODEL

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / ".consentry" / "samples"
TENANT = "contoso"
PAIR = ("person_a_1.jpg", "person_a_2.jpg")
CROWD = "city.jpg"
DETECTION_PIXELS = 640
OCTETS = {"Content-Type": "application/octet-stream"}
CONCURRENCY = (1, 4, 16)
COMPARISONS_OF_ONE = 40  # in a run; the tripwire trips beyond 50 in a day
WORKER_MODULE = "consentry.localhost.engine"

console = Console(highlight=False)


@dataclass
class Bench:
    """A running stack and what is asked of it."""

    stack: Stack
    services: Services
    key: str
    consent: str
    rounds: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def client(self) -> httpx.Client:
        """Make an HTTP client that keeps its connection."""
        headers = {"Ocp-Apim-Subscription-Key": self.key, "X-Consentry-Consent": self.consent}
        return httpx.Client(base_url=self.stack.url, headers=headers, timeout=60)

    def tell(self, what: str, figure: str, note: str = "") -> None:
        """Add a row."""
        self.rows.append((what, figure, note))


def median_ms(times: list[float]) -> float:
    """Median in milliseconds of seconds."""
    return 1000 * statistics.median(times)


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def models_verify(vision: Vision) -> None:
    """What the service's models do for two fresh photographs."""
    templates = []
    for name in PAIR:
        picture = vision.read((SAMPLES / name).read_bytes())
        templates.append(vision.template(picture, vision.detect(picture)[0]))
    similarity(*templates)


def models_redact(vision: Vision) -> None:
    """What the service's models do for one crowd, the check of the output included."""
    vision.redact((SAMPLES / CROWD).read_bytes(), MaskOptions())


def fresh(name: str) -> bytes:
    """Give a sample photograph as nobody has sent it yet: the tripwire counts pictures.

    What follows a JPEG is not looked at.
    """
    return (SAMPLES / name).read_bytes() + uuid4().bytes


def verify_over_http(http: httpx.Client) -> float:
    """Two fresh photographs in one call, one answer out; gives the models' seconds in it."""
    files = dict(zip(("probe", "reference"), map(fresh, PAIR), strict=True))
    reply = http.post("/verifications", files=files)
    if not reply.raise_for_status().json()["isIdentical"]:
        raise SystemExit("the verification came out wrong")
    return models_in(reply)


def verify_by_face_ids(http: httpx.Client) -> float:
    """The same in Azure AI Face's three calls; gives the models' seconds in them."""
    ids, models = [], 0.0
    for name in PAIR:
        reply = http.post("/face/v1.2/detect", content=fresh(name), headers=OCTETS)
        ids.append(reply.raise_for_status().json()[0]["faceId"])
        models += models_in(reply)
    reply = http.post("/face/v1.2/verify", json={"faceId1": ids[0], "faceId2": ids[1]})
    if not reply.raise_for_status().json()["isIdentical"]:
        raise SystemExit("the verification came out wrong")
    return models + models_in(reply)


def redact_over_http(http: httpx.Client) -> float:
    """A crowd in, the masked crowd out; gives the models' seconds in the call."""
    content = (SAMPLES / CROWD).read_bytes()
    reply = http.post("/redactions", content=content, headers=OCTETS)
    return models_in(reply.raise_for_status())


def models_in(reply: httpx.Response) -> float:
    """Seconds that the service says its models took for a reply."""
    parts = dict(part.strip().split(";dur=") for part in reply.headers["Server-Timing"].split(","))
    return float(parts["models"]) / 1000


def against_models(bench: Bench) -> None:
    """HTTP beside the model time in the same calls, and beside the models run on their own."""
    vision = Vision(bench.services.settings.layer, bench.services.settings.threads)
    jobs: tuple[tuple[str, Callable[[Vision], None], Callable[[httpx.Client], float]], ...] = (
        ("verify two fresh photos", models_verify, verify_over_http),
        ("the same by face ids", models_verify, verify_by_face_ids),
        ("redact a crowd", models_redact, redact_over_http),
    )
    with bench.client() as http:
        for name, alone, over_http in jobs:
            alone(vision), over_http(http)
            apart, inside, calls = [], [], []
            for _ in range(bench.rounds):
                before = model_seconds()
                alone(vision)
                apart.append(model_seconds() - before)
                started = time.perf_counter()
                inside.append(over_http(http))
                calls.append(time.perf_counter() - started)
            whole = statistics.median(calls)
            bench.tell(
                f"{name}, over HTTP",
                f"{median_ms(calls):.1f} ms",
                f"{whole / statistics.median(inside):.2f} x the models in it",
            )
            bench.tell(f"{name}, models in it", f"{median_ms(inside):.1f} ms")
            bench.tell(
                f"{name}, models alone",
                f"{median_ms(apart):.1f} ms",
                f"HTTP: {whole / statistics.median(apart):.2f} x",
            )


def steps(bench: Bench) -> None:
    """The steps of profile fast, without a service: find faces at 640 pixels, make a template."""
    vision = Vision(bench.services.settings.layer, bench.services.settings.threads)
    crowd = vision.read((SAMPLES / CROWD).read_bytes()).pixels
    small = Image.fromarray(crowd)
    small.thumbnail((DETECTION_PIXELS, DETECTION_PIXELS))
    view = np.asarray(small)
    portrait = vision.read((SAMPLES / PAIR[1]).read_bytes())
    face = vision.detect(portrait)[0]
    for name, work in (
        (f"find faces at {DETECTION_PIXELS} pixels, fast", lambda: vision.detect(view)),
        ("template of a face, fast", lambda: vision.embed(portrait, face, TemplateProfile.FAST)),
    ):
        work()
        calls, models = [], defaultdict[str, list[float]](list)
        for _ in range(bench.rounds):
            before = spent()
            calls.append(timed(work))
            for stage, seconds in spent().items():
                if stage.startswith(MODEL) and seconds > before.get(stage, 0):
                    models[stage.removeprefix(MODEL)].append(seconds - before.get(stage, 0))
        parts = (f"{stage} {median_ms(times):.1f} ms" for stage, times in models.items())
        bench.tell(name, f"{median_ms(calls):.1f} ms", ", ".join(parts))


def gate_and_audit(bench: Bench) -> None:
    """Work that does nothing, behind the gate; and what the tripwire adds for two fresh faces."""

    def nothing(invocation: Invocation) -> Outcome[None]:
        del invocation
        return Outcome(None)

    def counted(invocation: Invocation) -> Outcome[None]:
        shown = {Mark.FACE: (str(uuid4()), str(uuid4()))}
        bench.services.tripwire.check(invocation, shown, matched=True)
        return Outcome(None)

    for name, operation, work in (
        ("gate + audit", Operation.DETECT, nothing),
        ("gate + audit + tripwire", Operation.VERIFY, counted),
    ):
        call = Call(operation, ApiKey(bench.key), Trigger.HTTP, "")
        run = partial(bench.services.gate.run, call, work)
        times = [timed(run) for _ in range(220)][20:]
        spread = statistics.quantiles(times, n=20)[-1]
        bench.tell(name, f"{median_ms(times):.1f} ms", f"95 %: {1000 * spread:.1f} ms")


def throughput(bench: Bench) -> None:
    """Whole verifications of kept face ids, and detections, per second."""
    photo = (SAMPLES / PAIR[0]).read_bytes()
    count = bench.rounds * 4
    with bench.client() as http:
        # As many people as it takes for none to be compared more often than the tripwire allows.
        people = 1 + count * len(CONCURRENCY) // COMPARISONS_OF_ONE
        consents = [
            firststeps.give_consent(bench.stack.url, bench.key, f"p-{number + 2}")
            for number in range(people)
        ]
        pairs = cycle([[new_face_id(http, name, one) for name in PAIR] for one in consents])

        def compare() -> None:
            first, second = next(pairs)
            body = {"faceId1": first, "faceId2": second}
            http.post("/face/v1.2/verify", json=body).raise_for_status()

        def find() -> None:
            http.post(
                "/face/v1.2/detect?returnFaceId=false", content=photo, headers=OCTETS
            ).raise_for_status()

        for name, call in (("compare two face ids", compare), ("detect, no face id", find)):
            for workers in CONCURRENCY:
                with ThreadPoolExecutor(workers) as pool:
                    seconds = timed(partial(run_all, pool, call, count))
                bench.tell(f"{name}, {workers} at once", f"{count / seconds:.1f} requests/s")


def new_face_id(http: httpx.Client, name: str, consent: str) -> str:
    """Give the id of a face in a sample photograph, made under a consent."""
    headers = OCTETS | {"X-Consentry-Consent": consent}
    reply = http.post("/face/v1.2/detect", content=fresh(name), headers=headers)
    return str(reply.raise_for_status().json()[0]["faceId"])


def run_all(pool: ThreadPoolExecutor, call: Callable[[], None], count: int) -> None:
    """Make ``count`` calls on the pool's threads; the first failure is raised."""
    for done in [pool.submit(call) for _ in range(count)]:
        done.result()


def cold_start(bench: Bench) -> None:
    """From the start of a process to its first verified answer."""
    splits: list[dict[str, float]] = []
    for _ in range(3):
        started = time.time()
        done = subprocess.run(  # noqa: S603 (our own interpreter and script)
            [
                sys.executable,
                str(ROOT / "tools" / "bench_cold.py"),
                bench.key,
                bench.consent,
                *PAIR,
            ],
            env=os.environ | bench.stack.environment | {"BENCH_STARTED": repr(started)},
            capture_output=True,
            text=True,
            check=True,
        )
        splits.append(json.loads(done.stdout))
    best = sorted(splits, key=lambda split: split["total"])[1]
    note = ", ".join(f"{name} {best[name]:.2f}" for name in ("imports", "models", "first_call"))
    bench.tell("cold start to first verified answer", f"{best['total']:.2f} s", note)


def peak_memory(bench: Bench) -> None:
    """Largest resident size of the worker that did all of the above, where Linux tells it."""
    peaks = [
        int(status["VmHWM"].split()[0]) / 1024
        for status in map(process_status, descendants(os.getpid()))
        if "VmHWM" in status and WORKER_MODULE in status["command"]
    ]
    bench.tell("peak memory of the worker", f"{max(peaks):.0f} MiB" if peaks else "not known here")


def process_status(pid: int) -> dict[str, str]:
    """Fields of /proc/PID/status, and the command line."""
    folder = Path(f"/proc/{pid}")
    try:
        lines = (folder / "status").read_text().splitlines()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in lines) | {"command": command}


def descendants(pid: int) -> list[int]:
    """Processes that this one started, and those that they started."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


def prepare(stack: Stack) -> tuple[Services, str, str]:
    """Have the tenant approved; make a key and register a consent."""
    settings = Settings.load(stack.environment)
    services = assemble(settings, connect(settings))
    approve(services, *Capability)
    key = firststeps.make_key(stack.url, local.issuer_of(settings), TENANT)
    return services, key, firststeps.give_consent(stack.url, key, "p-1")


def show(bench: Bench, as_json: bool) -> None:
    """Print all rows."""
    if as_json:
        rows: list[dict[str, Any]] = [
            {"what": what, "figure": figure, "note": note} for what, figure, note in bench.rows
        ]
        print(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=2))  # noqa: T201
        return
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    table = Table(title=f"Consentry on {machine}", title_justify="left")
    for column in ("what", "median", "note"):
        table.add_column(column)
    for row in bench.rows:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Measure everything in one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="requests behind each median")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    log = ROOT / ".consentry" / "bench.log"
    with Stack(ROOT, ROOT / "functions", tenants=(TENANT,), log=log) as stack:
        bench = Bench(stack, *prepare(stack), options.rounds)
        for part in (cold_start, gate_and_audit, against_models, steps, throughput, peak_memory):
            with console.status(f"{part.__name__.replace('_', ' ')} …"):
                part(bench)
    show(bench, options.json)


if __name__ == "__main__":
    main()
