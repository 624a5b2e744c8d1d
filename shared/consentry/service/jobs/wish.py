"""What is asked of a video's redaction: by a request's body, or by an upload's metadata."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consentry.errors import ArgumentError
from consentry.limits import (
    JOB_WISH_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    VIDEO_REGIONS_MAX,
    VIDEO_SECONDS_MAX,
)
from consentry.service.redaction import mask_options
from consentry.vision import Box, MaskOptions
from consentry.vision.video import Codec, Region, SoundKind, SoundOptions, VideoOptions

Seconds = Annotated[float, Field(ge=0, le=VIDEO_SECONDS_MAX, allow_inf_nan=False)]
Pixels = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]

_METADATA: Final = frozenset({"kind", "shape", "sound", "codec"})


class RegionWish(BaseModel):
    """A box, in pixels of the upright picture, to mask from one second to another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    left: Pixels
    top: Pixels
    width: Annotated[Pixels, Field(gt=0)]
    height: Annotated[Pixels, Field(gt=0)]
    start: Seconds
    end: Seconds


class Wish(BaseModel):
    """How a video is to be redacted; what is left out is as the deployment does by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = ""
    shape: str = ""
    sound: SoundKind = SoundKind.DROP
    mute: tuple[tuple[Seconds, Seconds], ...] = ()
    codec: Codec = Codec.H264
    regions: Annotated[tuple[RegionWish, ...], Field(max_length=VIDEO_REGIONS_MAX)] = ()
    callback: Annotated[str, Field(max_length=URL_CHARACTERS_MAX)] = ""

    @classmethod
    def of_metadata(cls, asked: Mapping[str, str]) -> Self:
        """Read what an upload's metadata asks for; other names mean something to others."""
        try:
            return cls.model_validate({name: asked[name] for name in _METADATA & asked.keys()})
        except ValidationError:
            raise ArgumentError("sound is drop or keep; codec is h264, vp9 or av1") from None

    def options(self, default: MaskOptions) -> VideoOptions:
        """Give what the core goes by; ArgumentError where the wish contradicts itself."""
        if bool(self.mute) != (self.sound is SoundKind.MUTE):
            raise ArgumentError("mute names spans of seconds, and sound is mute then")
        if any(start >= end for start, end in self.mute):
            raise ArgumentError("a span of sound ends after it starts")
        if any(region.start >= region.end for region in self.regions):
            raise ArgumentError("a region's span ends after it starts")
        return VideoOptions(
            mask=mask_options(self.kind, self.shape, default),
            sound=SoundOptions(self.sound, self.mute),
            codec=self.codec,
            regions=tuple(
                Region(Box(one.left, one.top, one.width, one.height), one.start, one.end)
                for one in self.regions
            ),
        )

    def text(self) -> str:
        """Give it as a row of a table keeps it; ArgumentError where it is too long for one."""
        text = self.model_dump_json(exclude_defaults=True, exclude={"callback"})
        if len(text) > JOB_WISH_CHARACTERS_MAX:
            raise ArgumentError("there are too many regions or spans")
        return text


class JobRequest(Wish):
    """JSON body of ``POST /redactions``: a source that is there, or the name of one to come."""

    source: str = ""
    name: str = ""

    def wish(self) -> Wish:
        """How the video is to be redacted."""
        return Wish.model_validate(self.model_dump(exclude={"source", "name"}))
