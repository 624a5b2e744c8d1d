"""Where the command line finds things: the checkout, the model layer, the running local stack."""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from consentry.errors import ArgumentError, LocalStackError, SettingsError, StorageError

NOTE: Final = "stack.json"
LAYER_VARIABLE: Final = "CONSENTRY_LAYER"
ENDPOINT_VARIABLE: Final = "CONSENTRY_ENDPOINT"
CONSENT_VARIABLE: Final = "CONSENTRY_CONSENT"
KEY_VARIABLE: Final = "CONSENTRY_KEY"
TOKEN_VARIABLE: Final = "CONSENTRY_TOKEN"  # noqa: S105 (a name, no token)
CODE_VARIABLE: Final = "CONSENTRY_WITHDRAWAL_CODE"
TRACE_VARIABLE: Final = "CONSENTRY_TRACE"


def checkout() -> Path:
    """Root of the checkout that this package runs from; SettingsError outside of one."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "functions" / "host.json").is_file():
        raise SettingsError("this command needs the project's checkout, with its functions folder")
    return root


def runtime_folder() -> Path:
    """Folder of what set-up and running make: layer, samples, keys, Azurite's data."""
    return checkout() / ".consentry"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file at once or not at all."""
    with written_whole(path) as file:
        file.write(data)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that was named; ArgumentError where it cannot be read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise ArgumentError(f"the file cannot be read: {error.strerror}") from None


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file that gets its name when it is whole, and is gone where it does not become so."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"the result cannot be written: {error.strerror}") from None


def layer_folder(given: Path | None) -> Path:
    """Folder of the model layer: as given, as CONSENTRY_LAYER says, or the checkout's own."""
    if given is not None:
        return given
    setting = os.environ.get(LAYER_VARIABLE, "")
    return Path(setting) if setting else runtime_folder() / "layer"


@contextmanager
def announced(folder: Path, url: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Let other commands find the local stack that this process runs, while it runs."""
    folder.mkdir(exist_ok=True)
    note = folder / NOTE
    document = {"pid": os.getpid(), "url": url, "environment": dict(environment)}
    note.write_text(json.dumps(document), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def running(folder: Path) -> Mapping[str, Any] | None:
    """Describe the local stack that runs now (``url``, ``environment``), or None.

    A note that a killed process left behind counts for nothing.
    """
    try:
        document = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        os.kill(document["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except (ValueError, KeyError, TypeError):
        raise LocalStackError("the note of the running stack is damaged") from None
    return dict(document)


def own_environment() -> Mapping[str, str]:
    """This process's environment, less what the command line alone goes by."""
    ours = {
        CODE_VARIABLE,
        CONSENT_VARIABLE,
        ENDPOINT_VARIABLE,
        KEY_VARIABLE,
        TOKEN_VARIABLE,
        TRACE_VARIABLE,
    }
    return {name: value for name, value in os.environ.items() if name not in ours}


def stack_environment() -> Mapping[str, str]:
    """Settings of the service to work on: this process's own, else those of the running stack."""
    if "CONSENTRY_TENANTS" in os.environ:
        return own_environment()
    stack = running(runtime_folder())
    if stack is None:
        raise LocalStackError("no local stack is running")
    environment: Mapping[str, str] = stack["environment"]
    return environment
