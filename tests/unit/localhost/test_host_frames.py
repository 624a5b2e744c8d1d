"""Frames between host and worker: what is written is read, and nothing else is believed."""

import asyncio
import struct

import pytest

from consentry.localhost import frames


def _read(data: bytes) -> frames.Frame | None:
    async def read() -> frames.Frame | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await frames.read(reader)

    return asyncio.run(read())


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 1000])
def test_frame_survives_the_way(body: bytes) -> None:
    frame = frames.Frame({"id": 1, "text": "grüße"}, body)
    assert _read(frames.encode(frame) + body) == frame


@pytest.mark.parametrize("data", [b"", b"\x00\x00", struct.pack(">II", 2, 0), b"\x00" * 7])
def test_connection_that_ends_gives_no_frame(data: bytes) -> None:
    assert _read(data) is None


@pytest.mark.parametrize("head", [b"[]", b"{", b"\xff", b"1"])
def test_head_that_is_no_object_is_refused(head: bytes) -> None:
    with pytest.raises(frames.FrameError):
        _read(struct.pack(">II", len(head), 0) + head)


@pytest.mark.parametrize("lengths", [(2**32 - 1, 0), (2, 2**32 - 1)])
def test_length_beyond_the_limit_is_refused_unread(lengths: tuple[int, int]) -> None:
    with pytest.raises(frames.FrameError, match="longer"):
        _read(struct.pack(">II", *lengths) + b"{}")
