"""The host's side of one worker process: start it, call its functions, end it."""

import asyncio
import itertools
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from consentry.errors import LocalStackError
from consentry.localhost import frames, packaged
from consentry.localhost.functions import Function

STOP_SECONDS = 8.0  # longer than the worker gives its handlers

logger = logging.getLogger(__name__)


class CallError(Exception):
    """A call brought no result: the function raised, took too long, or its process ended."""


class WorkerGoneError(CallError):
    """The worker process ended before it answered, or there is none."""


@dataclass(frozen=True)
class Call:
    """What a trigger brings to a function; see ``conversion`` for kinds and values."""

    function: Function
    kind: str
    value: Any = None
    body: bytes = b""
    metadata: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    trace: tuple[str, str] = ("", "")


class Worker:
    """A running worker process and the functions that it serves."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[frames.Frame]] = {}
        self._reading: asyncio.Task[None] | None = None
        self.functions: tuple[Function, ...] = ()

    @classmethod
    async def start(cls, app: Path, environment: Mapping[str, str]) -> "Worker":
        """Start a process that has loaded the app; LocalStackError says why it could not."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *_program(app),
                *(str(app), str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                env=dict(environment),
                stdin=asyncio.subprocess.PIPE,  # a lifeline: nothing is ever written
                stdout=sys.stderr.fileno(),
                start_new_session=True,
            )
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=frames.STREAM_BUFFER_BYTES)
        worker = cls(process, reader, writer)
        try:
            await worker._load()
        except BaseException:
            await worker.stop()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    async def invoke(self, call: Call) -> frames.Frame:
        """Call a function and give its reply frame; CallError when there is no result."""
        number = next(self._numbers)
        answer: asyncio.Future[frames.Frame] = asyncio.get_running_loop().create_future()
        if self._reading is None or self._reading.done():
            raise WorkerGoneError("the worker process is not running")
        self._waiting[number] = answer
        head = {
            "id": number,
            "call": str(uuid4()),
            "function": call.function.id,
            "parameter": call.function.parameter,
            "kind": call.kind,
            "value": call.value,
            "metadata": call.metadata,
            "trace": call.trace,
        }
        try:
            frames.write(self._writer, frames.Frame(head, call.body))
            reply = await answer
        finally:
            del self._waiting[number]
        if "error" in reply.head:
            raise CallError(f"{reply.head['error']}\n{reply.head['trace']}".rstrip())
        return reply

    async def wait(self) -> None:
        """Return when the process no longer answers."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def stop(self) -> None:
        """Let the process finish its handlers and end; after a while it is killed.

        Calls that are answered meanwhile get their answers, the others a WorkerGoneError.
        """
        if not self._writer.is_closing():
            self._writer.write_eof()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self.wait()
        self._writer.close()

    def kill(self) -> None:
        """End the process at once: a handler in a thread cannot be stopped any other way."""
        if self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)

    async def _load(self) -> None:
        first = await frames.read(self._reader)
        if first is None:
            raise LocalStackError("The worker process ended before it had loaded the app.")
        if "error" in first.head:
            raise LocalStackError(f"The function app cannot be loaded: {first.head['error']}")
        self.functions = tuple(Function.from_worker(item) for item in first.head["functions"])
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while (frame := await frames.read(self._reader)) is not None:
                answer = self._waiting.get(frame.head["id"])
                if answer is not None and not answer.done():
                    answer.set_result(frame)
        except frames.FrameError:
            logger.exception("the worker process sent something unreadable")
            self.kill()
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(WorkerGoneError("the worker process ended"))


def _program(app: Path) -> tuple[str, ...]:
    """What runs a worker: for a deployable package, one that sees only what is in it."""
    if (app / packaged.DEPENDENCIES).is_dir():
        return sys.executable, "-I", "-S", packaged.__file__
    return sys.executable, "-m", "consentry.localhost.engine"
