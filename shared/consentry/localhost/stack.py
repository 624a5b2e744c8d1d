"""The local stack: Azurite and the development host on free ports, for one app.

The same class serves ``consentry dev``, the demonstration, the tests and the bench.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from consentry.azure.names import Container, TableName
from consentry.localhost.azurite import Azurite
from consentry.localhost.environment import stack_settings, worker_environment
from consentry.localhost.hostprocess import HostProcess
from consentry.localhost.issuer import make_issuer
from consentry.localhost.keys import Keys


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
        self.app = app.resolve()
        self.keys = Keys()
        self.url = ""
        self.blob_endpoint = self._azurite.blob_endpoint
        self.queue_endpoint = self._azurite.queue_endpoint
        self.table_endpoint = self._azurite.table_endpoint
        self.connection_string = self._azurite.connection_string
        self.environment = stack_settings(root, self._azurite, tenants) | dict(settings or {})
        configuration = {
            "app": str(self.app),
            "environment": worker_environment(self.environment),
            "keys": asdict(self.keys),
            "port": port,
            "enforce_keys": enforce_keys,
            "watch": [str(folder.resolve()) for folder in watch],
            "containers": list(containers),
            "tables": list(tables),
        }
        self._host = HostProcess(configuration, log=log)

    def __enter__(self) -> Self:
        try:
            make_issuer(Path(self.environment["CONSENTRY_LOCAL_ISSUER"]))
            # Azurite, host and worker start at the same time; the host opens its triggers last.
            self._azurite.launch()
            self._host.launch()
            self._azurite.wait()
            self.url = self._host.order("open")
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
        self.url = self._host.order("restart")

    def kill_worker(self) -> None:
        """Kill the worker as a crash would; return when the host has started another one."""
        self.url = self._host.order("kill")

    def wait(self) -> None:
        """Return when the host ends by itself, which it should not."""
        self._host.wait()

    def stop(self) -> None:
        """Stop everything and return when no process is left; harmless when nothing runs."""
        self._host.stop()
        self._azurite.stop()
