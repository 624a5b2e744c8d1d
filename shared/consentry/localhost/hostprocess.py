"""The development host as a process of its own, started, ordered about and ended by its owner."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from consentry.errors import LocalStackError

READY_SECONDS = 90.0  # a busy machine; 2 to 3 s is usual
STOP_SECONDS = 25.0


class HostProcess:
    """One host process; ``configuration`` holds the fields of ``host.Configuration``.

    ``environment`` is the process's own, by default ours; ``log`` takes what host and worker log
    (None: standard error).
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self._configuration = configuration
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._reports: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def launch(self) -> None:
        """Start it; ``order("open")`` says when it serves."""
        log = self._log.open("ab") if self._log is not None else None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "consentry.localhost.host"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env=self._environment,
            )
        finally:
            if log is not None:
                log.close()
        if self._process.stdin is None or self._process.stdout is None:
            raise LocalStackError("The host process has no pipes.")
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        self._write(self._process.stdin, self._configuration)

    def order(self, command: str) -> str:
        """Give an order, wait until the host has a worker that serves, and give its address."""
        if self._process is None or self._process.stdin is None:
            raise LocalStackError("The stack is not running.")
        self._write(self._process.stdin, {"do": command})
        try:
            report = self._reports.get(timeout=READY_SECONDS)
        except queue.Empty:
            raise LocalStackError("The host did not get ready in time.") from None
        if report is None:
            raise LocalStackError("The host ended before it was ready; its log says why.")
        if "failed" in report:
            raise LocalStackError(str(report["failed"]))
        return str(report["ready"])

    def wait(self) -> None:
        """Return when the host ends by itself, which it should not."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End it and return when it is gone; harmless when it is not running."""
        if self._process is None:
            return
        host, self._process = self._process, None
        with host:
            if host.stdin is not None:
                with contextlib.suppress(BrokenPipeError):  # it has ended by itself
                    host.stdin.close()
            try:
                host.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                host.kill()

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
