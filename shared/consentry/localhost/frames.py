"""Frames between the host and its worker: a JSON head and raw bytes, each with its length.

Bodies travel as they are, and a frame from a function app, whose code may be anything, can at
worst be refused: nothing in it is ever executed, as a pickle would be.
"""

import asyncio
import json
import struct
from dataclasses import dataclass
from typing import Any

from consentry.limits import MEBIBYTE

HEAD_BYTES_MAX = 8 * MEBIBYTE
BODY_BYTES_MAX = 256 * MEBIBYTE  # above every request body, and every reply worth testing
STREAM_BUFFER_BYTES = MEBIBYTE  # asyncio reads ahead this far before it slows the sender

_LENGTHS = struct.Struct(">II")


class FrameError(Exception):
    """The other process sent something that is no frame; the connection is of no more use."""


@dataclass(frozen=True)
class Frame:
    """One message: ``head`` for everything small, ``body`` for a payload."""

    head: dict[str, Any]
    body: bytes = b""


def encode(frame: Frame) -> bytes:
    """Give a frame's head as bytes, with both lengths before it; the body is sent behind."""
    head = json.dumps(frame.head, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(head), len(frame.body)) + head


def write(writer: asyncio.StreamWriter, frame: Frame) -> None:
    """Queue a frame for sending; whole frames of several tasks never mix."""
    writer.write(encode(frame))
    if frame.body:
        writer.write(frame.body)


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """Read the next frame, or give None when the other side is gone.

    Raises FrameError when lengths or head are not what this module writes.
    """
    try:
        head_length, body_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if head_length > HEAD_BYTES_MAX or body_length > BODY_BYTES_MAX:
            raise FrameError("a frame is longer than allowed")
        head = await reader.readexactly(head_length)
        body = await reader.readexactly(body_length) if body_length else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    try:
        fields = json.loads(head)
    except ValueError:
        raise FrameError("a frame's head is not JSON") from None
    if not isinstance(fields, dict):
        raise FrameError("a frame's head is not an object")
    return Frame(fields, body)
