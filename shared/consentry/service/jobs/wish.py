"""What is asked of a video's redaction: by a request's body, or by an upload's metadata."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from consentry.errors import ArgumentError
from consentry.limits import (
    CLAIMS_MAX,
    JOB_WISH_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    VIDEO_REGIONS_MAX,
    VIDEO_SECONDS_MAX,
)
from consentry.service.redaction import mask_options
from consentry.vision import Box, MaskOptions
from consentry.vision.video import Codec, Region, SoundKind, SoundOptions, VideoOptions

Seconds = Annotated[float, Field(ge=0, le=VIDEO_SECONDS_MAX, allow_inf_nan=False)]
_PIXELS_MAX: Final = 100_000
Place = Annotated[float, Field(ge=-_PIXELS_MAX, le=_PIXELS_MAX, allow_inf_nan=False)]
Extent = Annotated[float, Field(gt=0, le=_PIXELS_MAX, allow_inf_nan=False)]

_METADATA: Final = frozenset({"kind", "shape", "sound", "codec", "mode"})


class Mode(StrEnum):
    """What a job is to end with."""

    REDACT = "redact"  # the video with its faces masked
    PREVIEW = "preview"  # a document of the tracks in it, to choose from for claims


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoxWish(_Asked):
    """A box in pixels of the upright picture; like a face's, it may reach over the border."""

    left: Place
    top: Place
    width: Extent
    height: Extent

    def box(self) -> Box:
        """What the core calls it."""
        return Box(self.left, self.top, self.width, self.height)


class RegionWish(BoxWish):
    """A box to mask from one second to another."""

    start: Seconds
    end: Seconds


class ClaimWish(_Asked):
    """A face that shall stay visible: its box at a moment, and the receipt that claims it.

    ``of`` is the SHA-256 of the video whose preview the box is from, and empty where the caller
    gave the box.
    """

    receipt: UUID
    box: BoxWish
    seconds: Seconds
    of: str = ""


class ClaimRequest(_Asked):
    """A claim as it is sent: a track of a preview, or a box at a moment."""

    receipt: UUID
    preview: UUID | None = None
    track: Annotated[int, Field(ge=1)] | None = None
    box: BoxWish | None = None
    seconds: Seconds | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_track = (self.preview is not None, self.track is not None)
        by_box = (self.box is not None, self.seconds is not None)
        if {by_track, by_box} != {(True, True), (False, False)}:
            raise ValueError("a claim names a track of a preview, or a box and its second")
        return self


class _Wishes(_Asked):
    mode: Mode = Mode.REDACT
    kind: str = ""
    shape: str = ""
    sound: SoundKind = SoundKind.DROP
    mute: tuple[tuple[Seconds, Seconds], ...] = ()
    codec: Codec = Codec.H264
    regions: Annotated[tuple[RegionWish, ...], Field(max_length=VIDEO_REGIONS_MAX)] = ()
    callback: Annotated[str, Field(max_length=URL_CHARACTERS_MAX)] = ""


class Wish(_Wishes):
    """How a video is to be redacted; what is left out is as the deployment does by default."""

    claims: Annotated[tuple[ClaimWish, ...], Field(max_length=CLAIMS_MAX)] = ()

    @classmethod
    def of_metadata(cls, asked: Mapping[str, str]) -> Self:
        """Read what an upload's metadata asks for; other names mean something to others."""
        try:
            return cls.model_validate({name: asked[name] for name in _METADATA & asked.keys()})
        except ValidationError:
            raise ArgumentError(
                "sound is drop or keep; codec is h264, vp9 or av1; mode is redact or preview"
            ) from None

    def options(self, default: MaskOptions) -> VideoOptions:
        """Give what the core goes by; ArgumentError where the wish contradicts itself."""
        if bool(self.mute) != (self.sound is SoundKind.MUTE):
            raise ArgumentError("mute names spans of seconds, and sound is mute then")
        if any(start >= end for start, end in self.mute):
            raise ArgumentError("a span of sound ends after it starts")
        if any(region.start >= region.end for region in self.regions):
            raise ArgumentError("a region's span ends after it starts")
        if self.mode is Mode.PREVIEW and self.claims:
            raise ArgumentError("a preview masks all faces: claim them in the job after it")
        if len({claim.receipt for claim in self.claims}) < len(self.claims):
            raise ArgumentError("a receipt claims one face: nobody is looked for among many")
        return VideoOptions(
            mask=mask_options(self.kind, self.shape, default),
            sound=SoundOptions(self.sound, self.mute),
            codec=self.codec,
            regions=tuple(Region(one.box(), one.start, one.end) for one in self.regions),
        )

    def text(self) -> str:
        """Give it as a row of a table keeps it; ArgumentError where it is too long for one."""
        text = self.model_dump_json(exclude_defaults=True, exclude={"callback"})
        if len(text) > JOB_WISH_CHARACTERS_MAX:
            raise ArgumentError("there are too many regions, spans or claims")
        return text


class JobRequest(_Wishes):
    """JSON body of ``POST /redactions``: a source that is there, or the name of one to come."""

    source: str = ""
    name: str = ""
    claims: Annotated[tuple[ClaimRequest, ...], Field(max_length=CLAIMS_MAX)] = ()

    def wish(self, claims: tuple[ClaimWish, ...] = ()) -> Wish:
        """How the video is to be redacted, with its claims as they were understood."""
        own = self.model_dump(exclude={"source", "name", "claims"})
        return Wish.model_validate({**own, "claims": claims})
