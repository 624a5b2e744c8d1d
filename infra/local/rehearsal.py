"""The real engine over the real program, against the local cloud.

Works on a copy of ``infra/`` with a file backend in a scratch folder; nothing is left in the
checkout and nothing leaves the machine.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi import automation

from local.cloud import Cloud
from local.machine import Machine, machine
from local.provider import serving

INFRA: Final = Path(__file__).resolve().parents[1]
COPIED: Final = ("__main__.py", "Pulumi.yaml", "consentry_infra")
PASSPHRASE: Final = "rehearsal"  # noqa: S105 (of a backend that lives as long as the rehearsal)
# What would lead a deployment anywhere else.
FOREIGN: Final = ("AZURE_", "ARM_", "PULUMI_", "IDENTITY_", "MSI_", "HTTP_PROXY", "http_proxy")


@dataclass(frozen=True)
class Changes:
    """What one run of the engine did, by operation."""

    counts: dict[str, int]

    def of(self, *operations: str) -> int:
        """How many resources had one of these operations."""
        return sum(self.counts.get(operation, 0) for operation in operations)

    @property
    def none(self) -> bool:
        """Tell whether everything stayed as it was."""
        return not set(self.counts) - {"same"}


class Rehearsal:
    """One stack on the local cloud, driven as an operator would."""

    def __init__(self, cloud: Cloud, project: Path, backend: Path, stack: automation.Stack) -> None:
        self.cloud = cloud
        self._backend = backend
        self._settings = project / f"Pulumi.{stack.name}.yaml"
        self._stack = stack

    def configure(self, values: Mapping[str, Any]) -> None:
        """Set configuration keys of the stack, as its settings file holds them."""
        settings = yaml.safe_load(self._settings.read_text(encoding="utf-8")) or {}
        settings.setdefault("config", {}).update(
            {f"consentry:{name}": value for name, value in values.items()}
        )
        self._settings.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def preview(self) -> Changes:
        """Say what an ``up`` would do."""
        return _changes(self._stack.preview().change_summary)

    def up(self, *, keep_going: bool = False) -> Changes:
        """Bring the cloud to what the program says; past failures, if told to ``keep_going``."""
        result = self._stack.up(continue_on_error=keep_going)
        return _changes(result.summary.resource_changes)

    def destroy(self, *, exclude_protected: bool = False, keep_going: bool = False) -> Changes:
        """Remove the stack's resources."""
        result = self._stack.destroy(
            exclude_protected=exclude_protected, continue_on_error=keep_going
        )
        return _changes(result.summary.resource_changes)

    def outputs(self) -> dict[str, Any]:
        """What the stack tells."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    def state(self) -> list[dict[str, Any]]:
        """All resources as the engine remembers them, with their dependencies."""
        deployment: dict[str, Any] = dict(self._stack.export_stack().deployment or {})
        return list(deployment.get("resources") or [])

    def stored(self) -> str:
        """All that the engine has written to its backend."""
        files = sorted(path for path in self._backend.rglob("*") if path.is_file())
        return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _changes(counts: Mapping[automation.OpType, int] | None) -> Changes:
    return Changes(
        {automation.OpType(operation).value: count for operation, count in (counts or {}).items()}
    )


@contextmanager
def rehearsal(stack: str, scratch: Path, running: Machine | None = None) -> Iterator[Rehearsal]:
    """Make a stack on a local cloud: one that runs already, or one that is state alone."""
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as started:
        found = running or started.enter_context(machine(scratch, real=False))
        project = scratch / "infra"
        backend = scratch / "backend"
        backend.mkdir()
        _copy_project(project)
        port = started.enter_context(serving(found.cloud))
        environment = {
            **{name: "" for name in os.environ if name.startswith(FOREIGN)},
            **found.operator,
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_HOME": str(scratch / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        made = automation.create_stack(
            stack_name=stack,
            work_dir=str(project),
            opts=automation.LocalWorkspaceOptions(env_vars=environment),
        )
        yield Rehearsal(found.cloud, project, backend, made)


def _copy_project(target: Path) -> None:
    """Copy the program; the copy's folder is the working directory of the engine's processes."""
    target.mkdir(parents=True)
    for name in COPIED:
        source = INFRA / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    project = yaml.safe_load((target / "Pulumi.yaml").read_text(encoding="utf-8"))
    project["runtime"]["options"]["virtualenv"] = str(INFRA.parent / ".venv")
    (target / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
