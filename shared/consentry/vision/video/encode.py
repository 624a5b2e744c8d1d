"""Write frames as parts of a video, and join parts to one file.

A part is a short run of frames, encoded on its own from a key frame on: so a part in which a face
is still found can be made again without the others, and parts can be made by different machines.
Frames are never reordered (no B-frames), so that a part's times are those of its frames and parts
fit together end to end. Every part is a whole MP4 in memory, seconds long.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final

import av
import numpy as np
from av.video.stream import VideoStream

from consentry.errors import VideoError
from consentry.vision.video.frames import Form
from consentry.vision.video.planes import PIXEL_FORMAT, Planes, codec_threads
from consentry.vision.video.priority import give_way

# SVT-AV1 writes about itself to standard error unless its own variable says: errors only.
os.environ.setdefault("SVT_LOG", "1")

_LIMITED_RANGE: Final = 1
_FULL_RANGE: Final = 2


class Codec(StrEnum):
    """What the output's pictures are encoded with. The encoder of H.264 is under the GPL."""

    H264 = "h264"
    VP9 = "vp9"
    AV1 = "av1"


_ENCODERS: Final = {Codec.H264: "libx264", Codec.VP9: "libvpx-vp9", Codec.AV1: "libsvtav1"}
_OPTIONS: Final[dict[Codec, dict[str, str]]] = {
    Codec.H264: {"preset": "superfast", "crf": "23", "bf": "0"},
    Codec.VP9: {"crf": "31", "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"},
    Codec.AV1: {"crf": "32", "preset": "10"},
}


@dataclass(frozen=True, repr=False)
class Part:
    """A run of encoded frames: place of the first, how many, its time in ticks, and the MP4."""

    first: int
    frames: int
    ticks: int
    data: bytes

    def decoded(self, threads: int) -> Iterator[Planes]:
        """Decode the part's own bytes."""
        with av.open(BytesIO(self.data), "r", format="mov") as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
            for frame in container.decode(stream):
                yield Planes(np.asarray(frame.to_ndarray(), np.uint8))


def encode_part(
    first: int, frames: Iterable[tuple[int, Planes]], form: Form, codec: Codec, threads: int
) -> Part:
    """Encode frames, at least one, each with its time in ticks; ``first`` is the first's place.

    Raises VideoError where the encoder refuses.
    """
    file = BytesIO()
    begun, count = 0, 0
    try:
        with av.open(file, "w", format="mp4") as container:
            stream = _stream(container, form, codec, threads)
            for ticks, planes in frames:
                if count == 0:
                    begun = ticks
                picture = planes.frame()
                picture.pts = ticks - begun
                picture.time_base = form.clock
                container.mux(stream.encode(picture))
                if count == 0 and codec is Codec.AV1:
                    give_way()
                count += 1
            container.mux(stream.encode())
    except av.FFmpegError as error:
        raise VideoError("the video cannot be encoded") from error
    return Part(first, count, begun, file.getvalue())


def _stream(
    container: av.container.OutputContainer, form: Form, codec: Codec, threads: int
) -> VideoStream:
    stream = container.add_stream(_ENCODERS[codec], rate=form.rate, options=dict(_OPTIONS[codec]))
    if not isinstance(stream, VideoStream):
        raise TypeError("the encoder is not one of pictures")
    context = stream.codec_context
    stream.width, stream.height, stream.pix_fmt = form.width, form.height, PIXEL_FORMAT
    stream.time_base = context.time_base = form.clock
    if codec is Codec.H264:
        threads = codec_threads(form.width, form.height, threads)
    context.thread_count = threads
    context.sample_aspect_ratio = form.aspect
    context.color_primaries = form.primaries
    context.color_trc = form.transfer
    context.colorspace = form.matrix
    context.color_range = _FULL_RANGE if form.full_range else _LIMITED_RANGE
    return stream
