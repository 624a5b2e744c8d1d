"""What becomes of a video's sound: dropped, kept, or silent in spans.

A voice identifies a person as a face does, so sound is dropped unless somebody decides otherwise.
Sound that is kept is decoded and encoded anew: nothing else in its stream reaches the output.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import BinaryIO, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from consentry.errors import VideoError
from consentry.vision.video.container import SOUND_CODECS, open_input
from consentry.vision.video.frames import Survey

Samples = NDArray[np.float32]

_RATE_MAX: Final = 48_000
_STEREO: Final = 2
_CHUNK_SAMPLES: Final = 1024
_SLACK_SECONDS: Final = 0.02  # that sound may lie beside its time before it is moved


class SoundKind(StrEnum):
    """DROP writes no sound, KEEP all of it, MUTE all but the spans that are given."""

    DROP = "drop"
    KEEP = "keep"
    MUTE = "mute"


@dataclass(frozen=True)
class SoundOptions:
    """What becomes of the sound; ``spans`` are seconds from and to, for MUTE."""

    kind: SoundKind = SoundKind.DROP
    spans: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, repr=False)
class Sound:
    """Sound to be written: rate in Hz, layout, number of channels, and frames in order."""

    rate: int
    layout: str
    channels: int
    frames: Iterator[AudioFrame]


def open_sound(
    file: BinaryIO, known: Survey, options: SoundOptions, seconds: float
) -> Sound | None:
    """Give the sound to write beside pictures of that length; None where there is none.

    It is read from the source itself while it is written: a packet is held at a time, so memory
    does not depend on the length, and no copy of the sound has to be kept anywhere. Raises
    VideoError when the sound's codec is not one that is read.
    """
    codec = known.probe.sound
    if options.kind is SoundKind.DROP or codec is None:
        return None
    if codec not in SOUND_CODECS:
        raise VideoError("the codec of the sound is not one that is read; drop the sound")
    with open_input(file, known.probe.container) as container:
        context = container.streams.audio[0].codec_context
        channels = min(context.channels, _STEREO) or _STEREO
        rate = min(context.sample_rate or _RATE_MAX, _RATE_MAX)
    layout = "mono" if channels == 1 else "stereo"
    spans = options.spans if options.kind is SoundKind.MUTE else ()
    frames = _frames(_samples(file, known, rate, layout), rate, layout, seconds, spans)
    return Sound(rate, layout, channels, frames)


def _samples(
    file: BinaryIO, known: Survey, rate: int, layout: str
) -> Iterator[tuple[float, Samples]]:
    """Decode the sound: times in seconds from the first picture on, samples (channels, n)."""
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
    with open_input(file, known.probe.container) as container:
        stream = container.streams.audio[0]
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                continue  # silence takes its place
            for frame in decoded:
                time = frame.time
                for whole in resampler.resample(frame):
                    yield (
                        (-1.0 if time is None else time - known.origin),
                        np.asarray(whole.to_ndarray(), np.float32),
                    )


def _frames(
    samples: Iterator[tuple[float, Samples]],
    rate: int,
    layout: str,
    seconds: float,
    spans: tuple[tuple[float, float], ...],
) -> Iterator[AudioFrame]:
    """Lay samples where their times say: gaps become silence, what overlaps or is early goes."""
    total = int(seconds * rate)
    position = 0
    for time, chunk in samples:
        late = 0
        begin = position if time < 0 and position else round(time * rate)
        if begin > position + _SLACK_SECONDS * rate:
            silence = np.zeros((len(chunk), min(begin, total) - position), np.float32)
            yield from _pieces(silence, position, rate, layout, spans)
            position += silence.shape[1]
        elif begin < position - _SLACK_SECONDS * rate:
            late = position - begin
        fitting = chunk[:, late : late + max(total - position, 0)]
        yield from _pieces(fitting, position, rate, layout, spans)
        position += fitting.shape[1]
        if position >= total:
            return


def _pieces(
    samples: Samples,
    position: int,
    rate: int,
    layout: str,
    spans: tuple[tuple[float, float], ...],
) -> Iterator[AudioFrame]:
    for start in range(0, samples.shape[1], _CHUNK_SAMPLES):
        piece = np.ascontiguousarray(samples[:, start : start + _CHUNK_SAMPLES])
        for begin, end in spans:
            first, last = (int(edge * rate) - position - start for edge in (begin, end))
            piece[:, max(first, 0) : max(last, 0)] = 0
        frame = AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts = position + start
        frame.time_base = Fraction(1, rate)
        yield frame
