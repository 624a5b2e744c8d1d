"""The local stack: Azurite and the development host on free ports, for one app.

The same class serves ``consentry dev``, the demonstration, the tests and the bench.
"""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from consentry.azure.names import Container, TableName
from consentry.errors import LocalStackError
from consentry.localhost.azurite import Azurite
from consentry.localhost.environment import stack_settings, worker_environment
from consentry.localhost.issuer import make_issuer
from consentry.localhost.keys import Keys

READY_SECONDS = 90.0  # a busy machine; 2 to 3 s is usual
STOP_SECONDS = 25.0


class Stack:
    """Azurite and the host, running while the ``with`` block runs; nothing is left afterwards.

    ``root`` is the checkout (``node_modules``, ``.consentry``), ``app`` the folder with
    function_app.py and host.json. ``data`` keeps Azurite's files (None: in memory), ``port`` is
    the host's (0: a free one), ``settings`` are further settings of the app, ``log`` takes what
    host and worker log (None: standard error). ``containers`` and ``tables``, by default those
    of the service, are made at the start. ``watch`` names folders whose change restarts the
    worker.

    Raises LocalStackError when a part is missing, fails to start, or refuses the app.
    """

    def __init__(
        self,
        root: Path,
        app: Path,
        *,
        tenants: Sequence[str] = ("contoso",),
        data: Path | None = None,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        containers: Sequence[str] = tuple(Container),
        tables: Sequence[str] = tuple(TableName),
        watch: Sequence[Path] = (),
        log: Path | None = None,
        enforce_keys: bool = True,
    ) -> None:
        root = root.resolve()
        self._azurite = Azurite(root, data=data)
        self._log = log
        self._host: subprocess.Popen[str] | None = None
        self._reports: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.app = app.resolve()
        self.keys = Keys()
        self.url = ""
        self.blob_endpoint = self._azurite.blob_endpoint
        self.queue_endpoint = self._azurite.queue_endpoint
        self.table_endpoint = self._azurite.table_endpoint
        self.connection_string = self._azurite.connection_string
        self.environment = stack_settings(
            root,
            tenants,
            blob_endpoint=self.blob_endpoint,
            table_endpoint=self.table_endpoint,
            connection_string=self.connection_string,
        ) | dict(settings or {})
        self._configuration = {
            "app": str(self.app),
            "environment": worker_environment(self.environment),
            "keys": asdict(self.keys),
            "port": port,
            "enforce_keys": enforce_keys,
            "watch": [str(folder.resolve()) for folder in watch],
            "containers": list(containers),
            "tables": list(tables),
        }

    def __enter__(self) -> Self:
        try:
            make_issuer(Path(self.environment["CONSENTRY_LOCAL_ISSUER"]))
            # Azurite, host and worker start at the same time; the host opens its triggers last.
            self._azurite.launch()
            self._launch_host()
            self._azurite.wait()
            self._order("open")
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

    def restart_worker(self) -> None:
        """End the worker orderly; return when another one serves the code as it is now."""
        self._order("restart")

    def kill_worker(self) -> None:
        """Kill the worker as a crash would; return when the host has started another one."""
        self._order("kill")

    def wait(self) -> None:
        """Return when the host ends by itself, which it should not."""
        if self._host is not None:
            self._host.wait()

    def stop(self) -> None:
        """Stop everything and return when no process is left; harmless when nothing runs."""
        if self._host is not None:
            host, self._host = self._host, None
            with host:
                if host.stdin is not None:
                    with contextlib.suppress(BrokenPipeError):  # it has ended by itself
                        host.stdin.close()
                try:
                    host.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    host.kill()
        self._azurite.stop()

    def _launch_host(self) -> None:
        log = self._log.open("ab") if self._log is not None else None
        try:
            self._host = subprocess.Popen(
                [sys.executable, "-m", "consentry.localhost.host"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        finally:
            if log is not None:
                log.close()
        if self._host.stdin is None or self._host.stdout is None:
            raise LocalStackError("The host process has no pipes.")
        threading.Thread(target=self._listen, args=(self._host.stdout,), daemon=True).start()
        self._write(self._host.stdin, self._configuration)

    def _listen(self, reports: IO[str]) -> None:
        for line in reports:
            self._reports.put(json.loads(line))
        self._reports.put(None)

    def _write(self, commands: IO[str], fields: Mapping[str, Any]) -> None:
        try:
            commands.write(json.dumps(fields) + "\n")
            commands.flush()
        except BrokenPipeError:
            return  # the host has ended; its last report says why

    def _order(self, command: str) -> None:
        """Give an order and wait until the host has a worker that serves."""
        if self._host is None or self._host.stdin is None:
            raise LocalStackError("The stack is not running.")
        self._write(self._host.stdin, {"do": command})
        try:
            report = self._reports.get(timeout=READY_SECONDS)
        except queue.Empty:
            raise LocalStackError("The host did not get ready in time.") from None
        if report is None:
            raise LocalStackError("The host ended before it was ready; its log says why.")
        if "failed" in report:
            raise LocalStackError(str(report["failed"]))
        self.url = str(report["ready"])
