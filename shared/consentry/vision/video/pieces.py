"""Cut a video into pieces that can be decoded on their own, without decoding anything.

A piece begins at a key frame that nothing reaches across: all frames before it are shown before
it, all after it after it, and in H.264 the decoder starts afresh there (an IDR picture). Packets
are copied as they are into a Matroska file; there they are numbered in the order in which they
are shown, and their times go along in the ``Piece``, so that no clock is rounded.

That each packet gives one frame is what ``Reader.complete`` proves when a piece is decoded. Where
it does not hold, or nothing can be cut by these rules, the source itself is the only piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from itertools import islice, pairwise
from typing import BinaryIO, Final

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from consentry.errors import VideoError, VideoSizeError
from consentry.limits import VIDEO_PIECE_BYTES, VIDEO_PIECE_BYTES_MAX, VIDEO_PIECE_SECONDS
from consentry.vision.video.container import Limits, open_input, video_stream
from consentry.vision.video.frames import Piece, Survey

# Packets of VP8 may hold no frame to show, so they cannot be counted.
_UNCUT_CODECS: Final = frozenset({"vp8"})
_NUMBERED: Final = Fraction(1, 1000)  # the tick of every Matroska file that FFmpeg writes
_START_CODE: Final = b"\x00\x00\x01"
_IDR: Final = 5  # type of a NAL unit, ITU-T H.264, table 7-1
_TYPE_BITS: Final = 0x1F
_AVCC: Final = 1  # first byte of the settings of H.264 in MP4 (ISO/IEC 14496-15)


@dataclass(frozen=True)
class Plan:
    """Where to cut: how many packets each piece holds. With a single one nothing is cut."""

    packets: tuple[int, ...]


WHOLE: Final = Plan((0,))


@dataclass
class _Planning:
    """Cuts that hold so far: packets and bytes before each, and the time of its key frame."""

    longest: float
    largest: int
    cuts: list[tuple[int, int, int]] = field(default_factory=list)
    packets: int = 0
    size: int = 0
    times: set[int] = field(default_factory=set)
    first: int = 0
    latest: int = 0

    def add(self, time: int, size: int, *, key: bool) -> None:
        """Take the next packet: may a piece begin with it, and is it shown before one that did?"""
        if not self.times:
            self.first = self.latest = time
        while self.cuts and time < self.cuts[-1][2]:
            self.cuts.pop()
        _, bytes_before, begun = self.cuts[-1] if self.cuts else (0, 0, self.first)
        enough = time - begun >= self.longest or self.size - bytes_before >= self.largest
        if key and enough and time > self.latest:
            self.cuts.append((self.packets, self.size, time))
        self.latest = max(self.latest, time)
        self.times.add(time)
        self.packets += 1
        self.size += size

    def plan(self) -> Plan:
        """Give the pieces, if all of them are small enough."""
        edges = [(0, 0), *(cut[:2] for cut in self.cuts), (self.packets, self.size)]
        steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(edges)]
        if len(steps) == 1 or max(size for _, size in steps) > VIDEO_PIECE_BYTES_MAX:
            return WHOLE
        return Plan(tuple(packets for packets, _ in steps))


def plan_pieces(
    file: BinaryIO,
    known: Survey,
    limits: Limits,
    *,
    seconds: float = VIDEO_PIECE_SECONDS,
    size: int = VIDEO_PIECE_BYTES,
) -> Plan:
    """Read all packets once and tell where to cut: after ``seconds`` or ``size`` in bytes.

    Memory is what the times of the frames take. Raises VideoSizeError for too many packets.
    """
    if known.probe.codec in _UNCUT_CODECS:
        return WHOLE
    with open_input(file, known.probe.container) as container:
        stream = video_stream(container)
        prefix = _length_prefix(stream) if known.probe.codec == "h264" else None
        planning = _Planning(float(seconds / stream.time_base), size)
        try:
            for packet in _packets(container, stream):
                if packet.pts is None or packet.pts in planning.times or _is_doubtful(packet):
                    return WHOLE
                if planning.packets >= limits.frames_max:
                    raise VideoSizeError("the video is too long")
                key = packet.is_keyframe and (prefix is None or _holds_idr(bytes(packet), prefix))
                planning.add(packet.pts, packet.size, key=key)
        except av.FFmpegError:
            return WHOLE  # what can be decoded of it is decoded
    return planning.plan()


def cut(file: BinaryIO, known: Survey, plan: Plan) -> Iterator[tuple[Piece, bytes]]:
    """Copy the pieces of a plan, one after the other: each with the file that holds its packets.

    One piece is held at a time. Raises VideoError where the file is not the one that was planned,
    and ValueError for the plan that cuts nothing.
    """
    if plan == WHOLE:
        raise ValueError("the source itself is the only piece")
    with open_input(file, known.probe.container) as container:
        stream = video_stream(container)
        packets = _packets(container, stream)
        try:
            for number, count in enumerate(plan.packets):
                taken = list(islice(packets, count))
                if len(taken) != count:
                    raise VideoError("the video is not the one that was planned")
                yield _piece(number, taken, stream, known.form.clock)
        except av.FFmpegError as error:
            raise VideoError("the video cannot be cut") from error


def _piece(
    number: int, packets: Sequence["Packet[VideoStream]"], stream: VideoStream, clock: Fraction
) -> tuple[Piece, bytes]:
    shown = sorted(packet.pts for packet in packets if packet.pts is not None)
    place: dict[int | None, int] = {time: index for index, time in enumerate(shown)}
    base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
    file = BytesIO()
    with av.open(file, "w", format="matroska") as target:
        copied = target.add_stream_from_template(stream, opaque=True)
        copied.time_base = _NUMBERED
        for index, packet in enumerate(packets):
            # A packet is never shown before it is decoded, so the numbers shown begin late.
            packet.pts = place[packet.pts] + len(packets)
            packet.dts = index
            packet.time_base = _NUMBERED
            packet.stream = copied
            target.mux(packet)
    times = tuple(round(time * base / clock) for time in shown)
    return Piece(number, times), file.getvalue()


def _packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    return (packet for packet in container.demux(stream) if packet.size)


def _is_doubtful(packet: "Packet[VideoStream]") -> bool:
    """Tell whether a packet is more or less than one frame to show: damaged, hidden, or changed."""
    return packet.is_corrupt or packet.is_discard or packet.has_sidedata("new_extradata")


def _length_prefix(stream: VideoStream) -> int:
    """Give the bytes of a NAL unit's length in an H.264 stream; 0 where start codes part them."""
    settings = stream.codec_context.extradata or b""
    return (settings[4] & 3) + 1 if len(settings) > 4 and settings[0] == _AVCC else 0


def _holds_idr(data: bytes, prefix: int) -> bool:
    """Tell whether the decoder of H.264 starts afresh with a packet."""
    place = 0
    while True:
        if prefix:
            head = place + prefix
            place = head + int.from_bytes(data[place:head])
        else:
            place = data.find(_START_CODE, place)
            head = place = place + len(_START_CODE) if place >= 0 else len(data)
        if head >= len(data):
            return False
        if data[head] & _TYPE_BITS == _IDR:
            return True
