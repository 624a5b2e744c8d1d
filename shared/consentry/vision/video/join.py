"""Join encoded parts, and sound if it is kept, to the one file that leaves.

The file is an MP4 whose index stands at its start, so that it plays while it loads. Into it go
the packets of the parts and newly encoded sound: no metadata, chapter, caption, attachment or
other stream has a way in.
"""

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from typing import BinaryIO, Final

import av
from av.container import OutputContainer

from consentry.errors import VideoError
from consentry.vision.video.encode import Part
from consentry.vision.video.merge import Scan
from consentry.vision.video.sound import Sound

# What the index takes for a frame or a packet of sound, at most, with its time, size and place.
_INDEX_BYTES_PER_PACKET: Final = 48
_INDEX_BYTES: Final = 16 * 1024
_SOUND_PACKET_SAMPLES: Final = 1024  # of AAC
_SOUND_BITS_PER_CHANNEL: Final = 80_000


def join(
    parts: Iterable[Part], file: BinaryIO, clock: Fraction, scan: Scan, sound: Sound | None
) -> None:
    """Write the parts, given in order, to a file; ``clock`` is seconds in a tick of their times.

    Raises VideoError where one is missing or they do not fit together.
    """
    packets = scan.stage.frames
    if sound is not None:
        packets += int(scan.seconds * sound.rate / _SOUND_PACKET_SAMPLES) + 8
    index_bytes = _INDEX_BYTES + _INDEX_BYTES_PER_PACKET * packets
    options = {"moov_size": str(index_bytes), "fflags": "+bitexact"}
    try:
        with av.open(file, "w", format="mp4", options=options) as container:
            frames = _write(container, parts, clock, sound)
    except av.FFmpegError as error:
        raise VideoError("the result cannot be written") from error
    if frames != scan.stage.frames:
        raise VideoError("a part of the video is missing")


def _write(
    container: OutputContainer, parts: Iterable[Part], clock: Fraction, sound: Sound | None
) -> int:
    """Copy the packets and give how many frames they hold."""
    frames = 0
    pictures = None
    voice = None
    header = None
    for part in parts:
        if part.first != frames:
            raise VideoError("a part of the video is missing")
        frames += part.frames
        with av.open(BytesIO(part.data), "r", format="mov") as made:
            template = made.streams.video[0]
            if pictures is None:
                pictures = container.add_stream_from_template(template, opaque=True)
                pictures.time_base = template.time_base
                header = template.codec_context.extradata
                voice = _Voice(container, sound) if sound else None
            elif template.codec_context.extradata != header:
                raise VideoError("the parts of the video do not fit together")
            base = template.time_base
            shift = round(part.ticks * clock / Fraction(base.numerator, base.denominator))
            for packet in made.demux(template):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts += shift
                packet.dts += shift
                packet.stream = pictures
                if voice is not None:
                    voice.write_until(float(packet.pts * base))
                container.mux(packet)
    if voice is not None:
        voice.write_until(float("inf"))
        voice.close()
    return frames


class _Voice:
    """Encodes sound as far as the pictures have come, so that both lie side by side."""

    def __init__(self, container: OutputContainer, sound: Sound) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=sound.rate, layout=sound.layout)
        self._stream.bit_rate = _SOUND_BITS_PER_CHANNEL * sound.channels
        self._frames = sound.frames
        self._rate = sound.rate
        self._written = 0.0

    def write_until(self, seconds: float) -> None:
        while self._written < seconds:
            frame = next(self._frames, None)
            if frame is None:
                return
            self._written = (frame.pts or 0) / self._rate
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
