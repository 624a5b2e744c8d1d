"""Azurite, Microsoft's storage emulator, started on free ports and stopped with its owner.

It runs from the checkout's own ``node_modules``. Kept in memory, or in a folder whose content
SIGTERM brings up to date (Azurite otherwise saves its indexes every few seconds).
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from consentry.azure.credentials import EMULATOR_ACCOUNT, EMULATOR_KEY
from consentry.errors import LocalStackError
from consentry.localhost.ports import LOOPBACK, answers, free_ports

SCRIPT = Path("node_modules/azurite/dist/src/azurite.js")
START_SECONDS = 60.0  # a busy machine; 1 to 2 s is usual
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Secured:
    """An account of its own name that takes tokens, over TLS by a certificate and its key."""

    account: str
    account_key: str = field(repr=False)
    certificate: Path
    private_key: Path


class Azurite:
    """One running Azurite with blob, queue and table service on the loopback address.

    ``root`` is the folder that has ``node_modules``; ``data`` the folder to keep everything in,
    or None to keep it in memory. With ``secured`` it serves that account instead of the
    emulator's own. ``launch`` returns at once, ``wait`` when all three services answer; used as a
    context manager it is both.
    """

    def __init__(
        self, root: Path, *, data: Path | None = None, secured: Secured | None = None
    ) -> None:
        self._root = root
        self._data = data
        self._secured = secured
        self._ports = free_ports(3)
        self._process: subprocess.Popen[bytes] | None = None
        blob, queue, table = self._ports
        scheme, account, account_key = "http", EMULATOR_ACCOUNT, EMULATOR_KEY
        if secured is not None:
            scheme, account, account_key = "https", secured.account, secured.account_key
        self.blob_endpoint = f"{scheme}://{LOOPBACK}:{blob}/{account}"
        self.queue_endpoint = f"{scheme}://{LOOPBACK}:{queue}/{account}"
        self.table_endpoint = f"{scheme}://{LOOPBACK}:{table}/{account}"
        self.connection_string = (
            f"DefaultEndpointsProtocol={scheme};AccountName={account};AccountKey={account_key};"
            f"BlobEndpoint={self.blob_endpoint};QueueEndpoint={self.queue_endpoint};"
            f"TableEndpoint={self.table_endpoint};"
        )

    def __enter__(self) -> Self:
        self.launch()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def launch(self) -> None:
        """Start the process; LocalStackError names what is missing, and its cure."""
        node = shutil.which("node")
        if node is None:
            raise LocalStackError("Node.js is not on PATH: install Node 20 or newer.")
        script = self._root / SCRIPT
        if not script.is_file():
            raise LocalStackError("Azurite is not installed: run `make setup` (or `npm ci`).")
        blob, queue, table = self._ports
        where = ["--inMemoryPersistence"]
        if self._data is not None:
            self._data.mkdir(parents=True, exist_ok=True)
            where = ["--location", str(self._data)]
        command = [
            *(sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))),
            *(node, str(script), "--silent", "--disableTelemetry", "--skipApiVersionCheck"),
            *("--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table)),
            *where,
            *self._tls(),
        ]
        self._process = subprocess.Popen(  # noqa: S603 (node and a script of the checkout)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=self._environment(),
        )

    def _tls(self) -> tuple[str, ...]:
        if self._secured is None:
            return ()
        files = str(self._secured.certificate), str(self._secured.private_key)
        return "--cert", files[0], "--key", files[1], "--oauth", "basic"

    def _environment(self) -> dict[str, str] | None:
        """The process's environment: ours, and the account where it has one of its own."""
        if self._secured is None:
            return None
        named = f"{self._secured.account}:{self._secured.account_key}"
        return os.environ | {"AZURITE_ACCOUNTS": named}

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Return when all three services answer; LocalStackError if Azurite ends or is late."""
        deadline = time.monotonic() + seconds
        while not all(answers(port) for port in self._ports):
            if self._process is None or self._process.poll() is not None:
                raise LocalStackError(
                    "Azurite ended as it started: its data folder may be damaged or in use by "
                    "another one. Run `make clean`, then `make setup`."
                )
            if time.monotonic() > deadline:
                raise LocalStackError(
                    "Azurite did not start in time: the machine may be overloaded."
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it, and return when its data are written; harmless when it is not running."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with process:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
