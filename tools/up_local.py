"""Bring the whole service up on this machine: `make up-local`, or `make cloud` to keep it up.

The real engine runs the real program of infra/ against a local cloud behind which stand real
parts: storage accounts, a vault, identities, events, and the deployable package as the app. Then
the stack is used as its people would use it. Ends with 0 only if every step did what it must.
"""

import argparse
import logging
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from pulumi.automation import CommandError
from rich.console import Console
from rich.table import Table

from consentry.errors import ConsentryError
from consentry.trust.operations import Capability
from consentry.vision import Vision
from local.machine import Machine, machine
from local.rehearsal import Rehearsal, rehearsal
from local.tenancy import Tenancy, TenancyError, configuration, inside

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "dist" / "consentry-package.zip"
LOGS: Final = ROOT / ".consentry" / "cloud"
SAMPLES: Final = ROOT / ".consentry" / "samples"
LAYER: Final = ROOT / ".consentry" / "layer"
TENANT: Final = "contoso"
PHOTO: Final = "city.jpg"
SAME: Final = ("person_a_1.jpg", "person_a_2.jpg")


@dataclass
class Steps:
    """The steps so far, with what each did and how long it took."""

    console: Console
    table: Table = field(default_factory=lambda: Table("step", "what happened", "s", box=None))

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a step; the function it gives takes the line that tells the outcome."""
        told = [""]
        started = time.monotonic()
        with self.console.status(f"{name} ..."):
            yield told.append
        self.table.add_row(name, told[-1], f"{time.monotonic() - started:.0f}")


def expect(fact: bool, otherwise: str) -> None:
    """End the run unless ``fact`` holds."""
    if not fact:
        raise TenancyError(otherwise)


def bring_up(stack: Rehearsal, running: Machine, steps: Steps) -> tuple[Tenancy, int]:
    """Deploy, and have the tenant approved; give it with the number of resources made."""
    stack.configure(configuration(running, PACKAGE, TENANT))
    with steps.step("up: make everything, publish the package, subscribe") as tell:
        changes = stack.up()
        expect(set(changes.counts) == {"create"}, "the first up did not only create")
        made = len(running.cloud.resources)
        tell(f"{made} resources")
    tenancy = Tenancy(running, stack.outputs(), TENANT)
    with steps.step("approve the tenant: one applies, two decide") as tell:
        tenancy.approve(Capability.REDACT, Capability.DETECT, Capability.VERIFY)
        tell(f"{TENANT} may redact, detect and verify")
    return tenancy, made


def use(tenancy: Tenancy, steps: Steps, scratch: Path) -> str:
    """Redact, verify and audit; give the counts."""
    with steps.step("redact a photo by upload") as tell:
        picture = (SAMPLES / PHOTO).read_bytes()
        redacted = tenancy.redact_by_upload(PHOTO, picture)
        vision = Vision(LAYER, 2)
        before, after = (len(vision.detect(vision.read(data))) for data in (picture, redacted))
        expect(before > 0 and after == 0, "a face is still there")
        tell(f"{before} faces masked, none is found any more")
    with steps.step("register a person's consent, verify two photos of them") as tell:
        first, second = ((SAMPLES / name).read_bytes() for name in SAME)
        expect(
            tenancy.verify(first, second, tenancy.give_consent("p-4711")),
            "one person was taken for two",
        )
        tell("identical")
    with steps.step("fetch the audit log as an auditor, verify it offline") as tell:
        report = tenancy.verified_log(scratch / "log")
        tell(f"whole: {report.records} records in {report.chains} chain(s)")
    return f"1 photo redacted, 2 photos verified, {report.records} audit records verified"


def rehearse(stack: Rehearsal, running: Machine, steps: Steps, scratch: Path) -> str:
    """Go through all of it once; give the closing line."""
    tenancy, made = bring_up(stack, running, steps)
    used = use(tenancy, steps, scratch)
    with steps.step("up again") as tell:
        again = stack.up()
        expect(again.none, "the second up changed something")
        tell("no change")
    with steps.step("destroy"):
        stack.destroy()
    left = len(running.cloud.resources)
    expect(left == 0, f"{left} resources were left")
    return f"{made} resources created, 0 changes on the second run, {used}, {left} resources left"


def keep(tenancy: Tenancy, running: Machine, console: Console) -> None:
    """Say how to reach the stack, and keep it up until Ctrl-C."""
    console.print("\nThe stack is up. In another shell:", highlight=False)
    for name in ("HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        print(f"  export {name}={running.surroundings[name]}")  # noqa: T201 (to be copied as it is)
    print(f"  export CURL_CA_BUNDLE=$SSL_CERT_FILE URL={tenancy.endpoint}")  # noqa: T201
    token = tenancy.caller()["Authorization"].removeprefix("Bearer ")
    print(f"  export CONSENTRY_TOKEN={token}")  # noqa: T201
    print(  # noqa: T201
        '  curl "$URL/redactions" -H "Authorization: Bearer $CONSENTRY_TOKEN"'
        f" --data-binary @{SAMPLES / PHOTO} -H 'Content-Type: image/jpeg' -o redacted.jpg"
    )
    console.print("Ctrl-C ends it.")
    threading.Event().wait()


def main() -> int:
    """Bring the stack up, use it, and say how it went."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--keep", action="store_true", help="keep it up for playing")
    kept = arguments.parse_args().keep
    # A plain `kill` ends it as orderly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    steps = Steps(console)
    started = time.monotonic()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    logging.basicConfig(filename=LOGS / "cloud.log", format="%(asctime)s %(message)s")
    logging.getLogger("local").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="consentry-cloud-") as folder:
        scratch = Path(folder)
        try:
            with (
                machine(scratch, real=True, logs=LOGS) as running,
                rehearsal(TENANT, scratch / "stack", running) as stack,
                inside(running.surroundings),
            ):
                if kept:
                    keep(bring_up(stack, running, steps)[0], running, console)
                line = rehearse(stack, running, steps, scratch)
        except KeyboardInterrupt:
            return 0
        except (TenancyError, ConsentryError, CommandError, httpx.HTTPError) as error:
            console.print(steps.table)
            console.print(f"[red]The stack did not do what it must:[/] {error}", highlight=False)
            console.print(
                f"What the cloud refused and what the app logged lies in {LOGS.relative_to(ROOT)}/",
                highlight=False,
            )
            return 1
    console.print(steps.table)
    print(f"{line}; {time.monotonic() - started:.0f} s")  # noqa: T201 (one line, never wrapped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
