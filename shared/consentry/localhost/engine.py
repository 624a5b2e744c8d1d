"""The worker process: loads one app through Microsoft's worker library and answers invocations.

``python -m consentry.localhost.engine APP DESCRIPTOR`` speaks frames over the inherited socket.
The first frame tells the app's functions, or why it cannot be loaded; then each invocation frame
is answered by one reply frame, in any order. The process ends when the host closes the socket
and standard input, which is also what happens when the host is killed. One process serves one
app once: the library keeps it in module globals.
"""

import asyncio
import logging
import os
import re
import socket
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime

from consentry.localhost import frames, protocol
from consentry.localhost.conversion import to_reply, to_request

STDIN = 0
END_SECONDS = 5.0  # for handlers to finish when the host stops or is gone

_OWN_PLACE = re.compile(rf'\s*File "(?!<|{re.escape(sys.base_prefix)}|.*site-packages)')


class AppError(Exception):
    """The app cannot be loaded; the text says why, and where in the app."""


def request(**message: protocol.Message) -> SimpleNamespace:
    """Wrap a message as the library expects its requests."""
    return SimpleNamespace(
        request=protocol.StreamingMessage(**message),
        properties={"protos": protocol, "host": "127.0.0.1"},
    )


async def load(app: Path) -> list[dict[str, Any]]:
    """Import and index the app of a folder; give what ``Function.from_worker`` reads.

    Raises AppError with the reason when the library refuses it.
    """
    # What the library has to say at an error comes back as the result, too.
    logging.getLogger("azure.functions").setLevel(logging.CRITICAL)
    sys.path.insert(0, str(app))
    os.chdir(app)
    started = await runtime.worker_init_request(
        request(
            worker_init_request=protocol.WorkerInitRequest(
                capabilities={}, function_app_directory=str(app)
            )
        )
    )
    if started.result.status != protocol.StatusResult.Success:
        raise AppError(_reason(started.result.exception))
    if "HttpUri" in started.capabilities:
        raise AppError("HTTP streaming types are not served by the development host")
    found = await runtime.functions_metadata_request(
        request(functions_metadata_request=protocol.FunctionsMetadataRequest())
    )
    if not found.function_metadata_results:
        raise AppError("the folder has no function_app.py, or that file has no functions")
    return [
        {
            "name": item.name,
            "id": item.function_id,
            "bindings": list(item.raw_bindings),
            "retried": item.retry_options is not None,
        }
        for item in found.function_metadata_results
    ]


def _reason(error: protocol.RpcException) -> str:
    """The library's message, and those places of its trace that are in no library."""
    places = [line.strip() for line in error.stack_trace.splitlines() if _OWN_PLACE.match(line)]
    return "\n  ".join([error.message, *dict.fromkeys(places)])


async def serve(app: Path, connection: socket.socket) -> int:
    """Serve one app until the socket closes; give the exit code."""
    reader, writer = await asyncio.open_connection(
        sock=connection, limit=frames.STREAM_BUFFER_BYTES
    )
    runtime.start_threadpool_executor()
    try:
        functions = await load(app)
    except AppError as error:
        frames.write(writer, frames.Frame({"error": str(error)}))
        await writer.drain()
        return 1
    frames.write(writer, frames.Frame({"functions": functions}))
    calls: set[asyncio.Task[None]] = set()
    while (frame := await frames.read(reader)) is not None:
        call = asyncio.create_task(_answer(frame, writer))
        calls.add(call)
        call.add_done_callback(calls.discard)
    if calls:
        await asyncio.wait(calls)
    return 0


def _end_with_host() -> None:
    """End the process some time after the host's end, even if the app blocks the event loop."""
    # Not through sys.stdin, whose lock the interpreter wants when it ends before this thread.
    os.read(STDIN, 1)
    threading.Event().wait(END_SECONDS)
    os._exit(1)


async def _answer(frame: frames.Frame, writer: asyncio.StreamWriter) -> None:
    response = await runtime.invocation_request(request(invocation_request=to_request(frame)))
    frames.write(writer, to_reply(frame.head["id"], response))
    await writer.drain()


def main() -> None:
    """Run the process; its log goes to standard error."""
    app, descriptor = sys.argv[1:]
    logging.basicConfig(format="[worker] %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # The storage client would log the address of every request.
    logging.getLogger("azure").setLevel(logging.WARNING)
    threading.Thread(target=_end_with_host, daemon=True).start()
    sys.exit(asyncio.run(serve(Path(app), socket.socket(fileno=int(descriptor)))))


if __name__ == "__main__":
    main()
