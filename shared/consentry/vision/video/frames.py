"""Read a video's frames: decoded, upright, counted, each with a time that makes sense.

Times are kept as they are where they can be. A frame without one, or whose time does not follow
that of the frame before, gets the next one by the file's frame rate, and what follows is moved
along, so that frames neither vanish nor pile up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, Final

import av
from av.container import InputContainer

from consentry.errors import VideoError, VideoSizeError
from consentry.limits import VIDEO_DAMAGED_PACKETS_MAX, VIDEO_GAP_SECONDS_MAX
from consentry.vision.video.container import Limits, Probe, open_input, probe, video_stream
from consentry.vision.video.planes import Orientation, Planes, upright

_FINEST_TICKS: Final = 1_000_000  # ticks of a second; finer clocks do not fit into an MP4
_COARSEST_TICKS: Final = 240
_BT601: Final = 5  # ITU-T H.273; what is meant where a file does not say
_FULL_RANGE: Final = 2  # as FFmpeg numbers it


@dataclass(frozen=True, repr=False)
class Frame:
    """A frame: its place from 0, its time in ticks of the ``Form``, its pixels."""

    index: int
    ticks: int
    planes: Planes


@dataclass(frozen=True)
class Form:
    """How pictures of the output are to be shown, taken over from the input.

    ``clock`` is seconds in a tick; ``aspect`` the shape of an upright pixel, width to height;
    colours as ITU-T H.273 numbers them.
    """

    width: int
    height: int
    clock: Fraction
    rate: Fraction
    aspect: Fraction
    primaries: int
    transfer: int
    matrix: int
    full_range: bool


class Clock:
    """Makes times that grow, in ticks since the first frame."""

    def __init__(self, tick: Fraction, rate: Fraction) -> None:
        self._step = max(int(1 / (rate * tick)), 1)
        self._longest = int(VIDEO_GAP_SECONDS_MAX / tick)
        self._last: int | None = None
        self._shift = 0
        self.repaired = 0

    def next(self, told: int | None) -> int:
        """Give the time of the next frame, whose file tells ``told``."""
        if self._last is None:
            self._shift = -(told or 0)
            self._last = 0
            return 0
        expected = self._last + self._step
        if told is None or not 0 < told + self._shift - self._last <= self._longest:
            self.repaired += 1
            if told is not None:
                self._shift = expected - told
            self._last = expected
        else:
            self._last = told + self._shift
        return self._last


class Source:
    """A video to read, as often as needed, from a file that can seek.

    After ``frames`` has ended, ``count`` tells how many there were, ``last`` the time of the last
    in ticks, ``damaged`` how many packets could not be decoded, and ``repaired`` how many times
    made no sense. ``origin`` is the first frame's time in the file, in seconds. Raises VideoError
    and VideoSizeError.
    """

    def __init__(self, file: BinaryIO, limits: Limits, threads: int) -> None:
        self._file = file
        self._limits = limits
        self._threads = threads
        self.probe: Probe = probe(file, limits)
        self.count = 0
        self.last = 0
        self.damaged = 0
        self.repaired = 0
        self.origin = 0.0
        self.form = self._first_form()

    def open(self) -> InputContainer:
        """Open the file anew, from its start."""
        return open_input(self._file, self.probe.container)

    def frames(self) -> Iterator[Frame]:
        """Decode from the start; every time the same frames with the same times."""
        clock = Clock(self.form.clock, self.form.rate)
        index = 0
        for decoded in self._decoded():
            planes = upright(decoded)
            if (planes.width, planes.height) != (self.form.width, self.form.height):
                raise VideoError("the size of the pictures changes within the video")
            ticks = clock.next(_told(decoded, self.form.clock))
            if index >= self._limits.frames_max or ticks > self._ticks_max:
                raise VideoSizeError("the video is too long")
            yield Frame(index, ticks, planes)
            index += 1
            self.last = ticks
        self.count = index
        self.repaired = clock.repaired

    @property
    def _ticks_max(self) -> int:
        return int(self._limits.seconds_max / self.form.clock)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Decode what can be decoded; the rest is counted."""
        self.damaged = 0
        with self.open() as container:
            stream = video_stream(container)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            # What the pictures themselves say of their size need not be what the file says.
            stream.codec_context.options = {"max_pixels": str(self._limits.pixels_max)}
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                    if packet is None:
                        return
                    decoded = packet.decode()
                except av.EOFError:
                    return
                except av.FFmpegError:
                    self.damaged += 1
                    if self.damaged > VIDEO_DAMAGED_PACKETS_MAX:
                        raise VideoError("the video is too damaged to be decoded") from None
                    continue
                yield from decoded

    def _first_form(self) -> Form:
        first = next(iter(self._decoded()), None)
        if first is None:
            raise VideoError("no frame of the video can be decoded")
        with self.open() as container:
            stream = video_stream(container)
            tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
            shape = stream.sample_aspect_ratio
            aspect = Fraction(shape.numerator, shape.denominator) if shape else Fraction(1)
        planes = upright(first)
        told = first.format.name
        if not _COARSEST_TICKS <= 1 / tick <= _FINEST_TICKS:
            tick = Fraction(1, 90_000)
        if Orientation.of(first).transposed and aspect:
            aspect = 1 / aspect
        kept = told == "yuv420p"
        self.origin = float((_told(first, tick) or 0) * tick)
        return Form(
            width=planes.width,
            height=planes.height,
            clock=tick,
            rate=self.probe.rate,
            aspect=aspect or Fraction(1),
            primaries=first.color_primaries,
            transfer=first.color_trc,
            matrix=first.colorspace if first.colorspace else _BT601,
            full_range=kept and first.color_range == _FULL_RANGE,
        )


def _told(frame: av.VideoFrame, tick: Fraction) -> int | None:
    """Read a frame's time in ticks: that of showing, else that of decoding."""
    told = frame.pts if frame.pts is not None else frame.dts
    if told is None:
        return None
    base = Fraction(frame.time_base.numerator, frame.time_base.denominator)
    return round(told * base / tick)
