"""Keeps a worker process running: starts it again when it crashes, hangs or its code changes.

Each start reads host.json and the app's functions afresh. While there is no worker, calls fail
at once (HTTP answers 503). A function that takes longer than ``functionTimeout`` costs the whole
process, as in Azure, since nothing else stops a thread.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from consentry.errors import LocalStackError
from consentry.localhost.frames import Frame
from consentry.localhost.functions import Function, validate
from consentry.localhost.hostjson import HostJson
from consentry.localhost.worker import Call, CallError, Worker, WorkerGoneError

CRASH_PAUSE_SECONDS = 1.0  # before another start of a process that did not live even this long

logger = logging.getLogger(__name__)


class Served(Protocol):
    """What starts the functions of one app: its HTTP routes, listeners and timers."""

    async def prepare(self) -> None:
        """Do what must be done before the first call."""

    def start(self) -> None:
        """Begin to call functions."""

    def pause(self) -> None:
        """Begin no more calls; those begun go on."""

    async def finish(self) -> None:
        """Return when no call is left."""


Serve = Callable[[tuple[Function, ...], HostJson], Served]


class Supervisor:
    """The worker that serves now, if any, and what keeps one serving."""

    def __init__(self, app: Path, environment: Mapping[str, str], serve: Serve) -> None:
        self._app = app
        self._environment = environment
        self._serve = serve
        self._worker: Worker | None = None
        self._settings = HostJson()
        self._changed = asyncio.Event()
        self._generation = asyncio.Condition()
        self._stopping = False
        self._begun = 0
        self._announced = 0
        self.failure = ""

    @property
    def ready(self) -> bool:
        """Tell whether calls are taken."""
        return self._worker is not None

    async def invoke(self, call: Call) -> Frame:
        """Call a function within the app's time limit; CallError when there is no result."""
        worker = self._worker
        if worker is None:
            raise WorkerGoneError("no worker process is ready")
        started = time.perf_counter()
        outcome = "Failed"
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                reply = await worker.invoke(call)
            outcome = "Succeeded"
        except TimeoutError:
            worker.kill()
            raise CallError("the function took longer than functionTimeout") from None
        finally:
            took = (time.perf_counter() - started) * 1000
            logger.info("Executed %s (%s, %.1f ms)", call.function.name, outcome, took)
        return reply

    async def run(self) -> None:
        """Keep a worker running until ``stop``.

        Raises LocalStackError when the very first start fails; later the reason is logged and
        the next change of the code is awaited.
        """
        while not self._stopping:
            self._changed.clear()
            began = time.monotonic()
            try:
                await self._serve_once()
            except LocalStackError as error:
                await self._announce(failure=str(error))
                if not self._announced:
                    raise
                logger.error("%s\nWaiting for a change of the code.", error)  # noqa: TRY400
                await self._changed.wait()
            if time.monotonic() - began < CRASH_PAUSE_SECONDS and not self._changed.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), CRASH_PAUSE_SECONDS)

    async def restart(self) -> None:
        """End the worker orderly and return when another one serves the code as it is now.

        Raises LocalStackError when that code cannot be served.
        """
        self.failure = ""
        following = self._begun + 1
        self._changed.set()
        await self.started(following)

    async def kill(self) -> None:
        """Kill the worker as a crash would and return when the next one serves."""
        current = self._begun
        await self.started(current)
        if self._worker is not None:
            self._worker.kill()
        await self.started(current + 1)

    def stop(self) -> None:
        """End the worker for good; ``run`` returns when it is gone."""
        self._stopping = True
        self._changed.set()

    async def started(self, count: int) -> None:
        """Return when the ``count``-th worker, counted from 1, serves or has served.

        Raises LocalStackError when a start fails meanwhile.
        """
        async with self._generation:
            await self._generation.wait_for(lambda: self._announced >= count or bool(self.failure))
        if self.failure:
            raise LocalStackError(self.failure)

    async def _serve_once(self) -> None:
        self._begun += 1
        settings = HostJson.read(self._app)
        worker = await Worker.start(self._app, self._environment)
        try:
            validate(worker.functions, settings.route_prefix)
            await self._serve_with(worker, settings)
        finally:
            await worker.stop()

    async def _serve_with(self, worker: Worker, settings: HostJson) -> None:
        served = self._serve(worker.functions, settings)
        try:
            await served.prepare()
            self._settings = settings
            self._worker = worker
            served.start()
            await self._announce(failure="")
            await self._until_ended(worker)
        finally:
            served.pause()
            self._worker = None
            await worker.stop()
            await served.finish()

    async def _until_ended(self, worker: Worker) -> None:
        """Return when the worker ended by itself, or is to end."""
        ended = asyncio.create_task(worker.wait())
        changed = asyncio.create_task(self._changed.wait())
        await asyncio.wait({ended, changed}, return_when=asyncio.FIRST_COMPLETED)
        if not changed.done():
            logger.error("The worker process ended; starting another one.")
        for task in (ended, changed):
            task.cancel()

    async def _announce(self, *, failure: str) -> None:
        async with self._generation:
            self.failure = failure
            if not failure:
                self._announced = self._begun
            self._generation.notify_all()
