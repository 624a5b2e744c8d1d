"""Open a video file: which format it is, which streams are read, and what is left behind.

The format is told by the file's first bytes, so that no demuxer that could lead to other files or
addresses (playlists, concatenations) is ever reached. Codecs come from a closed list.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import BinaryIO, Final

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from consentry.errors import VideoError, VideoSizeError
from consentry.limits import (
    VIDEO_BYTES_MAX,
    VIDEO_FRAMES_MAX,
    VIDEO_PIXELS_MAX,
    VIDEO_SECONDS_MAX,
    VIDEO_SIDE_PIXELS_MAX,
    VIDEO_SIDE_PIXELS_MIN,
    VIDEO_STREAMS_MAX,
)
from consentry.vision.formats import recognise as recognise_picture

VIDEO_CODECS: Final = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mjpeg"}
)
SOUND_CODECS: Final = frozenset(
    {"aac", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "mp2"}
    | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_u8", "pcm_f32le", "pcm_mulaw", "pcm_alaw"}
)
# Names of the decoders that stand for the codecs above, as FFmpeg spells them.
_DECODERS: Final = ",".join(
    sorted(VIDEO_CODECS | SOUND_CODECS | {"libdav1d", "mp3float", "mp2float", "libopus"})
)
_BUFFER_BYTES: Final = 256 * 1024
_SIGNATURE_BYTES: Final = 400
_TS_PACKET_BYTES: Final = 188
_RATE_MAX: Final = 240  # frames per second; what is above is nonsense
_USUAL_RATE: Final = Fraction(25)
_ISO_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})


class Container(StrEnum):
    """A container format, by the name of FFmpeg's demuxer."""

    MP4 = "mov"  # MP4 and QuickTime are one to FFmpeg
    MATROSKA = "matroska"  # WebM is a kind of it
    AVI = "avi"
    MPEG_TS = "mpegts"


@dataclass(frozen=True)
class Limits:
    """What a video may be at most; the defaults are the service's."""

    bytes_max: int = VIDEO_BYTES_MAX
    pixels_max: int = VIDEO_PIXELS_MAX
    seconds_max: float = VIDEO_SECONDS_MAX
    frames_max: int = VIDEO_FRAMES_MAX


@dataclass(frozen=True)
class Probe:
    """What the headers say: container, codec, coded size in pixels, and what else is in the file.

    ``seconds`` is 0 where the headers do not tell, ``sound`` the codec of the sound, if any.
    ``dropped`` counts by type the streams that never reach the output.
    """

    container: Container
    codec: str
    width: int
    height: int
    rate: Fraction
    seconds: float
    sound: str | None
    dropped: dict[str, int]


def recognise(file: BinaryIO) -> Container | None:
    """Tell the container format from a file's first bytes, or None where it is none of these."""
    file.seek(0)
    head = file.read(_SIGNATURE_BYTES)
    if head[4:8] in _ISO_BOXES:
        return Container.MP4
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Container.MATROSKA
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Container.AVI
    if head[:1] == b"G" and head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1] == b"G":
        return Container.MPEG_TS
    return None


def is_video(file: BinaryIO) -> bool:
    """Tell by its first bytes whether a file is taken for a video; animated pictures are none."""
    file.seek(0)
    head = file.read(_SIGNATURE_BYTES)
    return recognise_picture(head) is None and recognise(file) is not None


def open_input(file: BinaryIO, kind: Container) -> InputContainer:
    """Open a file by its format; VideoError where it cannot be read."""
    file.seek(0)
    try:
        return av.open(
            file,
            "r",
            format=kind.value,
            options={"codec_whitelist": _DECODERS, "max_streams": str(VIDEO_STREAMS_MAX)},
            buffer_size=_BUFFER_BYTES,
            io_open=_refuse,
        )
    except (av.FFmpegError, ValueError) as error:
        raise VideoError("the file is not a video that can be read") from error


def _refuse(*_: object) -> None:
    """Stand in for FFmpeg's own opening of files and addresses that a file names."""
    raise VideoError("the file refers to another file")


def video_stream(container: InputContainer) -> VideoStream:
    """Give the first stream of moving pictures; cover art is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise VideoError("the file holds no moving pictures")


def probe(file: BinaryIO, limits: Limits) -> Probe:
    """Read the headers and hold them against the limits.

    Raises VideoError for a file that cannot be read, VideoSizeError for one beyond a limit.
    """
    size = file.seek(0, 2)
    if size > limits.bytes_max:
        raise VideoSizeError("the video has too many bytes")
    kind = recognise(file)
    if kind is None:
        raise VideoError("the file is not an MP4, MOV, MKV, WebM, AVI or TS")
    with open_input(file, kind) as container:
        stream = video_stream(container)
        context = stream.codec_context
        if context is None or stream.codec.canonical_name not in VIDEO_CODECS:
            raise VideoError("the video's codec is not one that is read")
        _check_size(stream.width, stream.height, limits)
        if (container.duration or 0) / av.time_base > limits.seconds_max:
            raise VideoSizeError("the video is too long")
        sound = next(iter(container.streams.audio), None)
        kept = {stream.index, sound.index if sound else None}
        dropped: dict[str, int] = {}
        for other in container.streams:
            if other.index not in kept:
                dropped[other.type] = dropped.get(other.type, 0) + 1
        return Probe(
            container=kind,
            codec=stream.codec.canonical_name,
            width=stream.width,
            height=stream.height,
            rate=_rate(stream),
            seconds=(container.duration or 0) / av.time_base,
            sound=sound.codec_context.name if sound else None,
            dropped=dropped,
        )


def _check_size(width: int, height: int, limits: Limits) -> None:
    if min(width, height) < VIDEO_SIDE_PIXELS_MIN:
        raise VideoSizeError("the video has too few pixels")
    if max(width, height) > VIDEO_SIDE_PIXELS_MAX or width * height > limits.pixels_max:
        raise VideoSizeError("the video has too many pixels")


def _rate(stream: VideoStream) -> Fraction:
    """Frames per second as the headers tell them, or a usual value where they tell nonsense."""
    for told in (stream.average_rate, stream.guessed_rate):
        if told and 1 <= told <= _RATE_MAX:
            return Fraction(told.numerator, told.denominator)
    return _USUAL_RATE
