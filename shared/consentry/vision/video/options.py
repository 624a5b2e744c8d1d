"""What is asked of a video's redaction, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from consentry.vision.geometry import Box
from consentry.vision.mask import MaskOptions
from consentry.vision.video.container import Probe
from consentry.vision.video.encode import Codec
from consentry.vision.video.frames import Form
from consentry.vision.video.sound import SoundOptions
from consentry.vision.video.track import Track


class Step(StrEnum):
    """What a redaction is doing, in words for a progress bar."""

    SCAN = "looking for faces"
    WRITE = "masking and checking"


Tell = Callable[[Step, int, int], None]
"""Told of progress: the step, frames done, and frames in all, or 0 where that is not known."""


@dataclass(frozen=True)
class Region:
    """A box in pixels of the upright picture, masked by hand from one second to another."""

    box: Box
    start: float
    end: float


@dataclass(frozen=True)
class VideoOptions:
    """How a video is redacted."""

    mask: MaskOptions = field(default_factory=MaskOptions)
    sound: SoundOptions = field(default_factory=SoundOptions)
    codec: Codec = Codec.H264
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True)
class RedactedVideo:
    """What was done. ``rounds`` counts how often parts were made until no face was found.

    ``times`` are those of the frames in seconds, ``seconds`` the length of the whole. ``looked``
    counts frames of the output that were looked at again, ``examined`` those of the input;
    ``damaged`` packets that could not be decoded, ``repaired`` times that made no sense.
    """

    probe: Probe
    form: Form
    frames: int
    times: tuple[float, ...]
    seconds: float
    tracks: tuple[Track, ...]
    examined: int
    looked: int
    rounds: int
    damaged: int
    repaired: int
