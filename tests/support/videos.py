"""Videos made for tests: a camera that pans over a photograph, in every shape that is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.video.priority import give_way

Pixels = NDArray[np.uint8]

SOUND_RATE = 16_000


@dataclass(frozen=True)
class Recipe:
    """How a video is made; ``options`` are the encoder's own."""

    format: str = "mp4"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: int = 25
    options: Sequence[tuple[str, str]] = (("preset", "ultrafast"),)
    times: Sequence[int] | None = None  # of frames, in ticks of a thousandth of a second
    sound: bool = False
    rotation: int = 0
    mirrored: bool = False
    metadata: Sequence[tuple[str, str]] = ()


PLAIN = Recipe()


def pan(photograph: bytes, count: int, width: int, height: int, step: int = 6) -> list[Pixels]:
    """Frames of a camera that moves to the right over a photograph scaled to ``height``."""
    image = Image.open(BytesIO(photograph)).convert("RGB")
    scale = height / image.height
    whole = np.asarray(image.resize((max(round(image.width * scale), width), height)))
    last = whole.shape[1] - width
    return [
        np.ascontiguousarray(whole[:, start : start + width])
        for start in (min(index * step, last) for index in range(count))
    ]


def plain(count: int, width: int = 96, height: int = 64) -> list[Pixels]:
    """Frames without a face: a bar that moves over grey, so that each frame is known."""
    frames = np.full((count, height, width, 3), 128, np.uint8)
    for index in range(count):
        frames[index, :, index * 4 % width : index * 4 % width + 8] = 255
    return list(frames)


def video(frames: Sequence[Pixels], recipe: Recipe = PLAIN) -> bytes:
    """Encode RGB frames (height, width, 3)."""
    file = BytesIO()
    with av.open(file, "w", format=recipe.format) as container:
        container.metadata.update(dict(recipe.metadata))
        stream = container.add_stream(recipe.codec, rate=recipe.rate, options=dict(recipe.options))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = recipe.pixel_format
        tick = Fraction(1, 1000) if recipe.times else Fraction(1, recipe.rate)
        stream.codec_context.time_base = tick
        if recipe.rotation or recipe.mirrored:
            stream.set_display_rotation(recipe.rotation, hflip=recipe.mirrored)
        sound = container.add_stream("aac", rate=SOUND_RATE) if recipe.sound else None
        for index, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts = recipe.times[index] if recipe.times else index
            picture.time_base = tick
            container.mux(stream.encode(picture))
            if index == 0:
                give_way()  # or all that the tests start afterwards would go first
        container.mux(stream.encode())
        if sound is not None:
            for frame in _tone(len(frames) / recipe.rate):
                container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return file.getvalue()


def _tone(seconds: float) -> list[AudioFrame]:
    samples = np.sin(np.arange(int(seconds * SOUND_RATE)) * 2 * np.pi * 440 / SOUND_RATE) / 2
    frames = []
    for start in range(0, len(samples), 1024):
        piece = samples[None, start : start + 1024].astype(np.float32)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SOUND_RATE, start
        frame.time_base = Fraction(1, SOUND_RATE)
        frames.append(frame)
    return frames


def decoded(data: bytes) -> tuple[list[Pixels], list[float]]:
    """RGB frames of a file, and their times in seconds."""
    with av.open(BytesIO(data), "r") as container:
        frames = list(container.decode(video=0))
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames], [
        f.time for f in frames
    ]


def loudness(data: bytes, start: float, end: float) -> float:
    """Root mean square of a file's sound between two seconds; KeyError where there is none."""
    with av.open(BytesIO(data), "r") as container:
        if not container.streams.audio:
            raise KeyError("no sound")
        pieces = [
            np.asarray(frame.to_ndarray(), np.float32).ravel()
            for frame in container.decode(audio=0)
            if start <= (frame.time or 0.0) < end
        ]
    return float(np.sqrt(np.mean(np.concatenate(pieces) ** 2)))


def beside(data: bytes, secret: str, format_name: str) -> bytes:
    """Copy a video, with a secret in all that its container can hold beside the pictures.

    Matroska takes a subtitle, an attachment, cover art, a chapter and a title; MPEG-TS takes data.
    """
    told = secret.encode()
    file = BytesIO()
    with av.open(BytesIO(data), "r") as source, av.open(file, "w", format=format_name) as target:
        pictures = source.streams.video[0]
        copied = target.add_stream_from_template(pictures, opaque=True)
        other: Stream
        if format_name == "matroska":
            other = target.add_mux_stream("subrip")
            target.add_attachment("note.txt", "text/plain", told)
            cover = BytesIO()
            Image.new("RGB", (64, 64)).save(cover, "JPEG", comment=told)
            target.add_attachment("cover.jpg", "image/jpeg", cover.getvalue())
            title, tick = {"title": secret}, pictures.time_base
            target.set_chapters(
                [{"id": 1, "start": 0, "end": 9, "time_base": tick, "metadata": title}]
            )
            target.metadata.update(title)
        else:
            other = target.add_data_stream("klv")
        for number, packet in enumerate(source.demux(pictures)):
            if number == 0:
                extra = Packet(told)
                extra.pts = extra.dts = 0
                extra.time_base = Fraction(1, 1000)
                extra.duration = 500
                extra.stream = other
                target.mux(extra)
            if packet.dts is not None:
                packet.stream = copied
                target.mux(packet)
    return file.getvalue()
