"""Face attributes in Azure AI Face's wire format: those that stay open, and why others do not."""

from typing import Any, Final

from consentry.errors import ArgumentError, UnsupportedFeatureError
from consentry.vision import Attributes, Quality

RETIRED_ATTRIBUTES: Final = frozenset(
    {"age", "gender", "emotion", "smile", "facialhair", "hair", "makeup"}
)
"""What infers something about a person: retired for everybody."""

NOT_OFFERED: Final = frozenset({"accessories", "glasses", "occlusion"})
"""What Azure AI Face tells and nothing here measures well enough to be told."""

DESCRIBED: Final = frozenset({"blur", "exposure", "headpose", "mask", "noise"})
"""What is told of every face, by its pixels alone."""

QUALITY: Final = "qualityforrecognition"
"""What is told of the claimed face, by the embedder: no template is made to tell it of others."""

_BLUR_LEVELS: Final = ((0.25, "low"), (0.75, "medium"), (1.01, "high"))
_NOISE_LEVELS: Final = ((0.3, "low"), (0.7, "medium"), (1.01, "high"))
_EXPOSURE_LEVELS: Final = (
    (0.25, "underExposure"),
    (0.75, "goodExposure"),
    (1.01, "overExposure"),
)


def wanted_attributes(text: str, *, embedded: bool) -> frozenset[str]:
    """Read ``returnFaceAttributes``: names, in any case, with commas between.

    ``embedded`` says whether a template is made anyhow. Raises UnsupportedFeatureError for what is
    retired or not offered, ArgumentError for what nobody knows, and for quality without a template.
    """
    names = frozenset(filter(None, (name.strip() for name in text.lower().split(","))))
    if names & RETIRED_ATTRIBUTES:
        raise UnsupportedFeatureError(
            "attributes that infer traits are retired for everybody", reason="retired_attribute"
        )
    if names & NOT_OFFERED:
        raise UnsupportedFeatureError(
            "of the face attributes, blur, exposure, headPose, mask, noise and "
            "qualityForRecognition are offered",
            reason="not_offered",
        )
    if names - DESCRIBED - {QUALITY}:
        raise ArgumentError("returnFaceAttributes names an unknown attribute")
    if QUALITY in names and not embedded:
        raise ArgumentError("qualityForRecognition takes a template, so ask for returnFaceId too")
    return names


def as_json(attributes: Attributes, wanted: frozenset[str]) -> dict[str, Any]:
    """Give the wanted attributes of one face, but for its quality.

    Angles are in degrees, values from 0 to 1.
    """
    pose = attributes.pose
    whole: dict[str, tuple[str, dict[str, Any]]] = {
        "blur": ("blur", _level("blurLevel", _BLUR_LEVELS, attributes.blur)),
        "exposure": (
            "exposure",
            _level("exposureLevel", _EXPOSURE_LEVELS, attributes.exposure),
        ),
        "headpose": (
            "headPose",
            {"pitch": round(pose.pitch, 1), "roll": round(pose.roll, 1), "yaw": round(pose.yaw, 1)},
        ),
        "mask": (
            "mask",
            {
                "type": attributes.mask.value,
                "noseAndMouthCovered": attributes.nose_and_mouth_covered,
            },
        ),
        "noise": ("noise", _level("noiseLevel", _NOISE_LEVELS, attributes.noise)),
    }
    return dict(whole[name] for name in sorted(wanted & DESCRIBED))


def quality_as_json(quality: Quality) -> dict[str, str | float]:
    """Give Azure AI Face's level, and the score from 0 to 1 that it stands for."""
    return {
        "qualityForRecognition": quality.level.value,
        "qualityScore": round(quality.score, 2),
    }


def _level(
    name: str, levels: tuple[tuple[float, str], ...], value: float
) -> dict[str, str | float]:
    """Name the level of a value from 0 to 1 by Azure AI Face's published bounds."""
    return {
        name: next(level for bound, level in levels if value < bound),
        "value": round(value, 2),
    }
