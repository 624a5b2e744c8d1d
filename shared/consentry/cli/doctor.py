"""``consentry doctor``: what is missing or wrong here, and what cures it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.places import (
    LAYER_VARIABLE,
    checkout,
    layer_folder,
    own_environment,
    running,
    runtime_folder,
)
from consentry.errors import ConsentryError

NODE_MAJOR_MIN: Final = 20
FREE_BYTES_MIN: Final = 1024**3  # set-up takes about 0.6 GB
TOOL_SECONDS_MAX: Final = 20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    good: bool
    detail: str
    cure: str = ""


def doctor(ctx: typer.Context) -> Answer | None:
    """Look for missing tools and wrong settings; name each with its cure."""
    if ctx.invoked_subcommand is not None:
        return None
    findings = list(examine())
    bad = [finding for finding in findings if not finding.good]
    lines = [f"{'ok ' if item.good else 'BAD'}  {item.name}: {item.detail}" for item in findings]
    cures = [f"{item.name}: {item.cure}" for item in bad]
    verdict = "Nothing is wrong here." if not bad else "What to do:"
    document = {
        "healthy": not bad,
        "findings": [asdict(item) | ({"cure": ""} if item.good else {}) for item in findings],
    }
    return Answer(document, [*lines, "", verdict, *cures], yes=not bad)


def retention() -> Answer:
    """Look in the deployment's storage for what should be gone by now; deletes nothing.

    Exits with 1 if anything is overdue, or alone and not to be deleted by itself. The look leaves
    a record.
    """
    from consentry.cli.operator import operator
    from consentry.service.invocation import Outcome
    from consentry.trust.operations import Operation

    me = operator()
    inspection = me.keeping.inspection
    found = me.run(
        Operation.INSPECT_STORAGE,
        lambda invocation: Outcome(list(inspection.findings(invocation.time))),
    )
    overdue = sum(finding.overdue for finding in found)
    alone = sum(finding.alone for finding in found)
    rows = [
        (
            finding.what,
            finding.tenant,
            finding.things,
            finding.overdue,
            f"{finding.since:%F %T}" if finding.since else "",
        )
        for finding in found
    ]
    document = {
        "healthy": not overdue and not alone,
        "overdue": overdue,
        "alone": alone,
        "findings": [
            asdict(finding) | {"since": finding.since.isoformat() if finding.since else None}
            for finding in found
        ],
    }
    lines = [table("what", "tenant", "things", "overdue", "since (UTC)", rows=rows)] if rows else []
    if overdue:
        lines.append(f"{overdue} things are overdue: do the timers run? The audit log says.")
    if alone:
        lines.append(f"{alone} things are alone and stay until somebody has looked at them.")
    if not overdue and not alone:
        lines.append("Nothing is overdue.")
    return Answer(document, lines, yes=not overdue and not alone)


def examine() -> Iterator[Finding]:
    """Look at everything that the project needs, in the order in which it is needed."""
    yield _python()
    yield _node()
    yield _npm()
    try:
        root = checkout()
    except ConsentryError as error:
        yield Finding("checkout", good=False, detail=str(error), cure="Run it from a git clone.")
        return
    yield _azurite(root)
    yield _disk(root)
    yield _attempt("model layer", _layer, "`consentry layer build` makes it.")
    yield _samples(root)
    yield _attempt(
        "settings", _settings, "Correct the variables named; see local.settings.example.json."
    )
    yield _attempt("local stack", _stack, "`make clean`, then `make setup`.")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] == (3, 13) and sys.implementation.name == "cpython"
    return Finding("python", good, version, "Install CPython 3.13, then `make clean setup`.")


def _node() -> Finding:
    cure = f"Install Node {NODE_MAJOR_MIN} or newer: Azurite runs on it."
    version = _tool("node")
    major = version.removeprefix("v").partition(".")[0]
    good = major.isdigit() and int(major) >= NODE_MAJOR_MIN
    return Finding("node", good, version or "does not start", cure)


def _npm() -> Finding:
    version = _tool("npm")
    return Finding(
        "npm", bool(version), version or "does not start", "Install npm; Node brings it."
    )


def _tool(name: str) -> str:
    """Version that a tool tells, or nothing where it does not start."""
    path = shutil.which(name)
    if path is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 (a tool on PATH, and one fixed word)
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _azurite(root: Path) -> Finding:
    good = (root / "node_modules" / "azurite" / "package.json").is_file()
    return Finding("azurite", good, "installed" if good else "not installed", "Run `make setup`.")


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    return Finding("disk", free >= FREE_BYTES_MIN, f"{free / 1e9:.1f} GB free", "Free 1 GB here.")


def _attempt(name: str, look: Callable[[], str], cure: str) -> Finding:
    try:
        return Finding(name, good=True, detail=look())
    except ConsentryError as error:
        return Finding(name, good=False, detail=str(error), cure=cure)


def _layer() -> str:
    from consentry.vision.layer import verify

    verify(layer_folder(None))
    return "whole"


def _samples(root: Path) -> Finding:
    good = (root / ".consentry" / "samples" / "CREDITS.md").is_file()
    return Finding("samples", good, "there" if good else "missing", "Run `consentry samples`.")


def _settings() -> str:
    from consentry.service.settings import Settings

    # The layer's folder alone is also what the offline commands go by.
    telling = {f"CONSENTRY_{field.upper()}" for field in Settings.model_fields} - {LAYER_VARIABLE}
    if not telling & os.environ.keys():
        return "none in the environment; the local stack brings its own"
    Settings.load(own_environment())
    return "complete"


def _stack() -> str:
    stack = running(runtime_folder())
    return "not running; `make dev` starts it" if stack is None else f"running at {stack['url']}"
