"""Where the command line finds things: the checkout, the model layer, the running local stack."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consentry.errors import LocalStackError, SettingsError


def checkout() -> Path:
    """Root of the checkout that this package runs from; SettingsError outside of one."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "functions" / "host.json").is_file():
        raise SettingsError("this command needs the project's checkout, with its functions folder")
    return root


def runtime_folder() -> Path:
    """Folder of what set-up and running make: layer, samples, keys, Azurite's data."""
    return checkout() / ".consentry"


def layer_folder(given: Path | None) -> Path:
    """Folder of the model layer: as given, as CONSENTRY_LAYER says, or the checkout's own."""
    if given is not None:
        return given
    setting = os.environ.get("CONSENTRY_LAYER", "")
    return Path(setting) if setting else runtime_folder() / "layer"


@contextmanager
def announced(url: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Let other commands find the local stack that this process runs, while it runs.

    Raises LocalStackError when another process of this checkout runs one already.
    """
    if running() is not None:
        raise LocalStackError("a local stack of this checkout is already running")
    path = _stack_file()
    path.parent.mkdir(exist_ok=True)
    document = {"pid": os.getpid(), "url": url, "environment": dict(environment)}
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running() -> Mapping[str, Any] | None:
    """Describe the local stack that runs now (``url``, ``environment``), or None."""
    try:
        document = json.loads(_stack_file().read_text(encoding="utf-8"))
        os.kill(document["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except (ValueError, KeyError, TypeError):
        raise LocalStackError("the note of the running stack is damaged") from None
    return dict(document)


def stack_environment() -> Mapping[str, str]:
    """Settings of the service to work on: this process's own, else those of the running stack."""
    if "CONSENTRY_TENANTS" in os.environ:
        return os.environ
    stack = running()
    if stack is None:
        raise LocalStackError("no local stack is running")
    environment: Mapping[str, str] = stack["environment"]
    return environment


def _stack_file() -> Path:
    return runtime_folder() / "stack.json"
