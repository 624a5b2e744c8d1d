"""Rehearse a deployment on this machine: `make preview-local`.

The real engine runs the real program of infra/ and publishes the real package, against a
stand-in for Azure that checks and records what it is given. Ends with 0 only if every step did
exactly what it must.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pulumi.automation import CommandError
from rich.console import Console
from rich.table import Table

from local.rehearsal import Changes, Rehearsal, rehearsal

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "dist" / "consentry-package.zip"
STACK: Final = "contoso"
CONFIGURATION: Final[dict[str, Any]] = {
    "tenants": ["contoso"],
    "location": "westeurope",
    "jurisdiction": "DE",
    "contacts": ["privacy@contoso.example"],
    "people": {
        "reviewers": "11111111-1111-4111-8111-111111111111",
        "auditors": "22222222-2222-4222-8222-222222222222",
    },
    "budget": {"monthly": 100, "start": "2026-01-01"},
    "package": str(PACKAGE),
}


class RehearsalError(Exception):
    """A step did not do what it must; the message says which."""


@dataclass
class Steps:
    """The steps so far, with what each did and how long it took."""

    table: Table = field(default_factory=lambda: Table("step", "what happened", "s", box=None))

    def run(
        self, name: str, step: Callable[[], Changes], *, expect: Callable[[Changes], bool]
    ) -> None:
        """Run a step; RehearsalError when it did anything else than expected."""
        started = time.monotonic()
        try:
            changes = step()
        except CommandError as error:
            raise RehearsalError(f"{name} failed:\n{error}") from None
        told = ", ".join(f"{count} {what}" for what, count in sorted(changes.counts.items()))
        self.table.add_row(name, told, f"{time.monotonic() - started:.0f}")
        if not expect(changes):
            raise RehearsalError(f"{name} did something else than it must: {told}")

    def refuse(self, name: str, step: Callable[[], Changes], reason: str) -> None:
        """Run a step that the engine must refuse, for this reason."""
        started = time.monotonic()
        try:
            step()
        except CommandError as error:
            if reason not in str(error):
                raise RehearsalError(f"{name} was refused for another reason:\n{error}") from None
            self.table.add_row(name, "refused", f"{time.monotonic() - started:.0f}")
            return
        raise RehearsalError(f"{name} was not refused")


def rehearse(stack: Rehearsal, steps: Steps) -> int:
    """Go through a stack's life; give the number of resources that were made."""
    stack.configure(CONFIGURATION)
    steps.run("first up", stack.up, expect=lambda c: set(c.counts) == {"create"})
    made = len(stack.cloud.resources)
    steps.run("second up", stack.up, expect=lambda c: c.none)
    stack.configure({"capacity": {"instances_max": 10}, "retention": {"redacted_days": 7}})
    steps.run(
        "two settings changed",
        stack.up,
        expect=lambda c: c.of("update") == 2 and set(c.counts) == {"same", "update"},
    )
    stack.configure({"location": "northeurope"})
    steps.refuse("another region", stack.up, "protect")
    stack.configure({"location": CONFIGURATION["location"]})
    steps.refuse("destroy", stack.destroy, "protect")
    steps.run(
        "destroy what is not protected",
        lambda: stack.destroy(exclude_protected=True),
        expect=lambda c: c.of("delete") > 0,
    )
    stack.configure({"protect": False})
    steps.run("up without protection", stack.up, expect=lambda c: c.of("delete", "replace") == 0)
    steps.run("destroy the rest", stack.destroy, expect=lambda c: set(c.counts) == {"delete"})
    if stack.cloud.resources:
        raise RehearsalError("resources were left behind")
    return made


def main() -> int:
    """Rehearse, and say how it went."""
    console = Console()
    steps = Steps()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="consentry-rehearsal-") as scratch,
            rehearsal(STACK, Path(scratch)) as stack,
        ):
            made = rehearse(stack, steps)
            published = len(stack.cloud.published)
    except RehearsalError as error:
        console.print(steps.table)
        console.print(f"[red]The rehearsal failed:[/] {error}")
        return 1
    console.print(steps.table)
    console.print(f"{made} resources made, {published} packages published, 0 resources left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
