"""The host process: HTTP in front, a worker behind, triggers beside, one pipe to its owner.

Started by ``Stack`` as ``python -m consentry.localhost.host``. The first line of standard input
is its configuration; each further line is a command. It reports on standard output, a JSON
object a line, and logs to standard error. When standard input closes it stops everything: an
owner that is killed leaves no process behind.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
import watchfiles

from consentry.errors import LocalStackError
from consentry.localhost.blobs import Webhook, blob_queue_name
from consentry.localhost.connections import Connections
from consentry.localhost.front import BODY_BYTES_MAX, Front
from consentry.localhost.functions import Function
from consentry.localhost.hostjson import HostJson
from consentry.localhost.keys import Keys
from consentry.localhost.ports import LOOPBACK
from consentry.localhost.provision import provision
from consentry.localhost.supervisor import Served, Supervisor
from consentry.localhost.triggers import HOST_STORAGE, Surroundings, Triggers

CONFIGURATION_BYTES_MAX = 1024 * 1024
BODY_LIMIT = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
HOST_ID = "AzureFunctionsWebHost__hostid"  # otherwise it is derived
GRACE_SECONDS = 10  # for HTTP requests in work when the host stops

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Configuration:
    """What the owner decides; ``environment`` is the worker's whole environment."""

    app: str
    environment: dict[str, str] = field(repr=False)
    keys: dict[str, str] = field(repr=False)
    port: int = 0
    enforce_keys: bool = True
    watch: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()  # these two are made at the start
    tables: tuple[str, ...] = ()
    pump: bool = True  # make the events that an emulator does not send


class _Server(uvicorn.Server):
    """uvicorn, but signals are this process's own affair."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Host:
    """All parts of one host process."""

    def __init__(self, configuration: Configuration, listening: socket.socket) -> None:
        self._configuration = configuration
        self._app = Path(configuration.app)
        self._listening = listening
        self._url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        self._around = Surroundings(
            host_id=configuration.environment.get(HOST_ID) or host_id(self._app),
            url=self._url,
            keys=Keys(**configuration.keys),
            connections=Connections(configuration.environment),
            storage_ready=asyncio.Event(),
            pump=configuration.pump,
        )
        self._triggers: Triggers | None = None
        self._stop = asyncio.Event()
        self._supervisor = Supervisor(self._app, configuration.environment, self._serve)
        self._front = Front(
            self._supervisor,
            self._around.keys,
            webhook=self._webhook(),
            admin_call=self._begin,
            disabled=disabled_functions(configuration.environment),
            enforce_keys=configuration.enforce_keys,
            body_bytes_max=body_bytes_max(configuration.environment),
        )

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Serve until told to stop; LocalStackError when the app cannot even start."""
        server = _Server(
            uvicorn.Config(
                self._front,
                http="httptools",
                loop="none",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, self._stop.set)
        serving = asyncio.create_task(server.serve([self._listening]))
        supervising = asyncio.create_task(self._supervisor.run())
        obeying = asyncio.create_task(self._obey(commands))
        watching = asyncio.create_task(self._watch())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({supervising, stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        self._supervisor.stop()
        server.should_exit = True
        for task in (obeying, watching, stopping):
            task.cancel()
        if not self._supervisor.ready:
            supervising.cancel()  # it waits for storage, or for an app that does not load
        for outcome in await asyncio.gather(supervising, serving, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def _serve(self, functions: tuple[Function, ...], settings: HostJson) -> Served:
        self._front.serve(functions, settings.route_prefix)
        self._triggers = Triggers(functions, settings, self._supervisor, self._around)
        for function in functions:
            logger.info("%s: %s", function.name, function.describe(settings.route_prefix))
        return self._triggers

    def _webhook(self) -> Webhook:
        queues = self._around.connections.queues(HOST_STORAGE)
        queue = queues.get_queue_client(blob_queue_name(self._around.host_id))
        return Webhook(queue, self._blob_event_sent)

    def _blob_event_sent(self) -> None:
        if self._triggers is not None:
            self._triggers.blob_event_sent()

    async def _begin(self, function: Function, text: str) -> None:
        if self._triggers is not None:
            self._triggers.begin(function, text)

    async def _watch(self) -> None:
        folders = self._configuration.watch
        if not folders:
            return
        only = watchfiles.PythonFilter(extra_extensions=(".json",))
        async for _ in watchfiles.awatch(*folders, watch_filter=only):
            logger.info("The code has changed; starting another worker.")
            with contextlib.suppress(LocalStackError):  # logged, and the next change is awaited
                await self._supervisor.restart()

    async def _obey(self, commands: asyncio.StreamReader) -> None:
        """Follow the owner's commands; the end of them is the order to stop."""
        while line := await commands.readline():
            await self._follow(json.loads(line)["do"])
        self._stop.set()

    async def _follow(self, command: str) -> None:
        try:
            if command == "open":
                await self._open()
            elif command == "restart":
                await self._supervisor.restart()
            else:
                await self._supervisor.kill()
        except LocalStackError as error:
            report({"failed": str(error)})
        else:
            report({"ready": self._url})

    async def _open(self) -> None:
        """Storage answers: fill it with what the service expects, and let the triggers begin."""
        configured = self._configuration
        if configured.containers or configured.tables:
            await asyncio.to_thread(
                provision,
                configured.environment[HOST_STORAGE],
                configured.containers,
                configured.tables,
            )
        self._around.storage_ready.set()
        await self._supervisor.started(1)


def host_id(app: Path) -> str:
    """Id that names this host's queues and status blobs: stable for an app's folder."""
    return "local-" + hashlib.sha256(str(app).encode()).hexdigest()[:24]


def disabled_functions(environment: Mapping[str, str]) -> frozenset[str]:
    """Names, in lower case, of functions that a setting AzureWebJobs.NAME.Disabled turns off."""
    found = set()
    for name, value in environment.items():
        if name.startswith("AzureWebJobs.") and value.lower() in ("true", "1"):
            function, _, setting = name.removeprefix("AzureWebJobs.").rpartition(".")
            if setting == "Disabled":
                found.add(function.lower())
    return frozenset(found)


def body_bytes_max(environment: Mapping[str, str]) -> int:
    """Largest request body that is taken; a setting says so, or the host's default holds."""
    return int(environment.get(BODY_LIMIT, BODY_BYTES_MAX))


def report(fields: Mapping[str, Any]) -> None:
    """Tell the owner something."""
    print(json.dumps(fields), flush=True)  # noqa: T201 (standard output is the owner's pipe)


async def _main() -> int:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=CONFIGURATION_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    configuration = Configuration(**json.loads(await commands.readline()))
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, configuration.port))
    except OSError:
        report({"failed": f"Port {configuration.port} is in use; choose another one."})
        return 1
    try:
        await Host(configuration, listening).run(commands)
    except LocalStackError as error:
        report({"failed": str(error)})
        return 1
    return 0


def main() -> None:
    """Run the process."""
    logging.basicConfig(format="[host] %(levelname)s %(message)s", level=logging.INFO)
    for noisy in ("azure", "httpx", "uvicorn", "watchfiles"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.exit(uvloop.run(_main()))


if __name__ == "__main__":
    main()
