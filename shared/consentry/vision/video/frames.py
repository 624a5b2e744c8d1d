"""Read frames: of a whole video or of a piece of it, decoded, upright and counted.

``survey`` looks at the headers and the first frame of a file. What it finds goes to whoever reads
a piece, so that all pieces are read in one form, whatever machine reads them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, Final

import av

from consentry.errors import VideoError, VideoSizeError
from consentry.limits import VIDEO_DAMAGED_PACKETS_MAX
from consentry.vision.video.container import (
    Container,
    Limits,
    Probe,
    open_input,
    probe,
    video_stream,
)
from consentry.vision.video.planes import Orientation, Planes, codec_threads, upright

_FINEST_TICKS: Final = 1_000_000  # ticks of a second; finer clocks do not fit into an MP4
_COARSEST_TICKS: Final = 240
_USUAL_TICK: Final = Fraction(1, 90_000)
_BT601: Final = 5  # ITU-T H.273; what is meant where a file does not say
_FULL_RANGE: Final = 2  # as FFmpeg numbers it


@dataclass(frozen=True, repr=False)
class Frame:
    """A frame: its place from 0, its pixels, and its time in ticks, as the file tells it."""

    index: int
    told: int | None
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


@dataclass(frozen=True)
class Survey:
    """What is known of a video before it is read: headers, form, and how its pixels lie.

    ``origin`` is the time of the first frame in the file, in seconds.
    """

    probe: Probe
    form: Form
    orientation: Orientation
    origin: float


@dataclass(frozen=True)
class Piece:
    """A piece of a video, beside the file that holds its packets.

    ``times`` are those of its frames in the order in which they are shown, in ticks of the form's
    clock: the piece's own packets are numbered, not timed. A piece without is the source itself.
    """

    number: int
    times: tuple[int, ...] = ()


def survey(file: BinaryIO, limits: Limits) -> Survey:
    """Look at a file's headers and first frame; VideoError or VideoSizeError if it is refused."""
    known = probe(file, limits)
    with open_input(file, known.container) as container:
        stream = video_stream(container)
        tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        shape = stream.sample_aspect_ratio
        aspect = Fraction(shape.numerator, shape.denominator) if shape else Fraction(1)
    if not _COARSEST_TICKS <= 1 / tick <= _FINEST_TICKS:
        tick = _USUAL_TICK
    first = next(_Decoder(file, known.container, limits, threads=1).frames(), None)
    if first is None:
        raise VideoError("no frame of the video can be decoded")
    orientation = Orientation.of(first)
    planes = upright(first, orientation)
    if orientation.transposed and aspect:
        aspect = 1 / aspect
    form = Form(
        width=planes.width,
        height=planes.height,
        clock=tick,
        rate=known.rate,
        aspect=aspect or Fraction(1),
        primaries=first.color_primaries,
        transfer=first.color_trc,
        matrix=first.colorspace if first.colorspace else _BT601,
        full_range=first.format.name == "yuv420p" and first.color_range == _FULL_RANGE,
    )
    return Survey(known, form, orientation, float((_told(first, tick) or 0) * tick))


class Reader:
    """Reads a piece, as often as needed, from a file that can seek: each time the same frames.

    After ``frames`` has ended, ``damaged`` tells how many packets could not be decoded, and
    ``complete`` whether every packet of a piece gave its frame, in order; the source itself is
    taken for complete.
    """

    def __init__(
        self, file: BinaryIO, piece: Piece, known: Survey, limits: Limits, threads: int
    ) -> None:
        kind = Container.MATROSKA if piece.times else known.probe.container
        alone = codec_threads(known.form.width, known.form.height, threads)
        self._decoder = _Decoder(file, kind, limits, alone)
        self._frames_max = limits.frames_max
        self.piece = piece
        self.known = known
        self.threads = threads
        self.complete = True

    @property
    def damaged(self) -> int:
        """How many packets could not be decoded."""
        return self._decoder.damaged

    def frames(self) -> Iterator[Frame]:
        """Decode from the start; VideoError or VideoSizeError where that cannot be."""
        form, times = self.known.form, self.piece.times
        index = 0
        self.complete = True
        for decoded in self._decoder.frames():
            planes = upright(decoded, self.known.orientation)
            if (planes.width, planes.height) != (form.width, form.height):
                raise VideoError("the size of the pictures changes within the video")
            if index >= self._frames_max:
                raise VideoSizeError("the video is too long")
            told = _told(decoded, form.clock)
            if times:
                number = decoded.pts - len(times) if decoded.pts is not None else -1
                self.complete &= number == index
                told = times[number] if 0 <= number < len(times) else None
            yield Frame(index, told, planes)
            index += 1
        self.complete &= not times or index == len(times)


class _Decoder:
    """Decodes what can be decoded of the pictures in a file, and counts the rest."""

    def __init__(self, file: BinaryIO, kind: Container, limits: Limits, threads: int) -> None:
        self._file = file
        self._kind = kind
        self._threads = threads
        # What the pictures themselves say of their size need not be what the file says. An H.264
        # stream that does not tell how far it reorders gets the most, lest its frames be lost.
        self._options = {"max_pixels": str(limits.pixels_max), "strict": "strict"}
        self.damaged = 0

    def frames(self) -> Iterator[av.VideoFrame]:
        self.damaged = 0
        with open_input(self._file, self._kind) as container:
            stream = video_stream(container)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            stream.codec_context.options = self._options
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


def _told(frame: av.VideoFrame, tick: Fraction) -> int | None:
    """Read a frame's time in ticks: that of showing, else that of decoding."""
    told = frame.pts if frame.pts is not None else frame.dts
    if told is None:
        return None
    base = Fraction(frame.time_base.numerator, frame.time_base.denominator)
    return round(told * base / tick)
