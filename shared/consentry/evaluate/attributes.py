"""How well the face attributes measure what they say, on changes whose size is known.

Roll is measured on pictures that were turned, yaw and pitch on mirrored pairs (a mirror turns the
sign of yaw and leaves pitch as it is) and by their mean and spread, which for people who are
photographed should be near zero and plausible. Blur, noise and exposure are measured on pictures
that were blurred, given noise, and made darker or lighter; the mask on labelled faces.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from consentry.errors import ArgumentError
from consentry.evaluate.rates import Rate, rate
from consentry.evaluate.resume import Resume, results
from consentry.evaluate.track import Track
from consentry.vision import Attributes, Box, Face, MaskWorn, Picture, Vision

Doubles = NDArray[np.float64]
Values = dict[str, float]
Answers = list[tuple[str, str]]

TURNS: Final = (-30, -15, 15, 30)  # degrees
BLURS: Final = (0.0, 1.0, 2.0, 4.0)  # standard deviation, as a share of a face of 112 pixels
NOISES: Final = (0, 10, 20, 40)  # standard deviation in greys of 255
GAINS: Final = (0.125, 0.5, 1.0, 2.0, 8.0)  # of the light
_SAME_FACE: Final = 0.4  # intersection over union of a face that was found and a labelled one
_FACE_PIXELS: Final = 112
_GAMMA: Final = 2.2  # between greys and light


@dataclass(frozen=True)
class AttributeErrors:
    """Medians and 95th percentiles in degrees, median values from 0 to 1, and shares."""

    pictures: int
    roll_error: Mapping[int, tuple[float, float]]
    yaw_mirror_error: tuple[float, float]
    pitch_mirror_error: tuple[float, float]
    yaw_mean_and_deviation: tuple[float, float]
    pitch_mean_and_deviation: tuple[float, float]
    blur: Mapping[float, float]
    noise: Mapping[int, float]
    exposure: Mapping[float, float]
    masks: Mapping[str, Mapping[str, Rate]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        told = {
            name: {str(key): each for key, each in value.items()}
            if isinstance(value, Mapping)
            else value
            for name, value in vars(self).items()
        }
        masks = {
            kind: {answer: share.document() for answer, share in answers.items()}
            for kind, answers in self.masks.items()
        }
        return told | {"masks": masks}


def evaluate(
    vision: Vision,
    images: Path,
    limit: int,
    masks: Path | None,
    track: Track,
    resume: Resume | None = None,
) -> AttributeErrors:
    """Measure on ``limit`` pictures evenly out of those below ``images``, and on labelled masks.

    Raises ArgumentError when no picture shows a face.
    """
    found = sorted(str(path) for path in images.rglob("*.jpg"))
    chosen = found[:: max(len(found) // limit, 1)][:limit]

    def make(names: Sequence[str]) -> Iterator[Values]:
        return (_measure(vision, Path(name)) for name in names)

    seen = [each for each in results(chosen, make, track, resume, _as_is, _as_is) if each]
    if not seen:
        raise ArgumentError("no picture of the folder shows a face")
    yaw, pitch = (np.array([each[name] for each in seen]) for name in ("yaw", "pitch"))
    return AttributeErrors(
        pictures=len(seen),
        roll_error={turn: _spread(_column(seen, f"turn {turn}")) for turn in TURNS},
        yaw_mirror_error=_spread(_column(seen, "yaw mirrored")),
        pitch_mirror_error=_spread(_column(seen, "pitch mirrored")),
        yaw_mean_and_deviation=_mean(yaw),
        pitch_mean_and_deviation=_mean(pitch),
        blur={each: _median(_column(seen, f"blur {each}")) for each in BLURS},
        noise={each: _median(_column(seen, f"noise {each}")) for each in NOISES},
        exposure={each: _median(_column(seen, f"gain {each}")) for each in GAINS},
        masks={} if masks is None else _masks(vision, masks, track, resume),
    )


def _as_is[T](result: T) -> T:
    """Give what JSON keeps by itself."""
    return result


def _measure(vision: Vision, path: Path) -> Values:
    """Describe the largest face of a picture and of its changed copies; nothing without a face."""
    picture = _opened(path)
    plain = _describe(vision, picture)
    if plain is None:
        return {}
    face, attributes = plain
    told = {"yaw": attributes.pose.yaw, "pitch": attributes.pose.pitch}
    mirrored = _describe(vision, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    if mirrored is not None:
        told["yaw mirrored"] = abs(mirrored[1].pose.yaw + attributes.pose.yaw)
        told["pitch mirrored"] = abs(mirrored[1].pose.pitch - attributes.pose.pitch)
    for turn in TURNS:
        turned = _describe(vision, picture.rotate(-turn, Image.Resampling.BILINEAR))
        if turned is not None:
            told[f"turn {turn}"] = abs(turned[1].pose.roll - attributes.pose.roll - turn)
    # The same face in changed pixels: whether it is still found is not the question here.
    for name, changed in _changed(picture, face.box.height):
        read = vision.read(_as_png(changed))
        described = vision.describe(read, face)
        kind = name.partition(" ")[0]
        told[name] = {
            "blur": described.blur, "noise": described.noise, "gain": described.exposure
        }[kind]  # fmt: skip
    return told


def _changed(picture: Image.Image, height: float) -> Iterator[tuple[str, Image.Image]]:
    """Give the picture blurred, noisy, and in other light; ``height`` of its face in pixels."""
    pixels = np.asarray(picture).astype(np.float64)
    for blur in BLURS:
        radius = blur * height / _FACE_PIXELS
        yield f"blur {blur}", picture.filter(ImageFilter.GaussianBlur(radius))
    random = np.random.default_rng(0)
    for noise in NOISES:
        yield f"noise {noise}", _image(pixels + random.normal(0, noise, pixels.shape))
    for gain in GAINS:
        yield f"gain {gain}", _image(255 * (gain * (pixels / 255) ** _GAMMA) ** (1 / _GAMMA))


def _masks(
    vision: Vision, folder: Path, track: Track, resume: Resume | None
) -> dict[str, dict[str, Rate]]:
    """Give, by the data set's classes, the share of the faces found that each answer got."""
    files = sorted(str(path) for path in (folder / "annotations").glob("*.xml"))

    def make(names: Sequence[str]) -> Iterator[Answers]:
        return (_answers(vision, Path(name), folder / "images") for name in names)

    found = results(files, make, track, resume, _as_is, _as_is)
    given: dict[str, list[tuple[str, str]]] = {}
    for file, answers in zip(files, found, strict=True):
        for kind, answer in answers:
            given.setdefault(kind, []).append((answer, file))
    return {
        kind: {
            worn.value: rate(
                np.array([answer == worn for answer, _ in of_kind]), [file for _, file in of_kind]
            )
            for worn in MaskWorn
        }
        for kind, of_kind in sorted(given.items())
    }


def _answers(vision: Vision, labels: Path, images: Path) -> Answers:
    """Give the class and the answer of each labelled face of a picture that is found."""
    picture = vision.read(_as_png(_opened(_picture_of(labels, images))))
    faces = vision.detect(picture)
    told = []
    for label in ET.parse(labels).getroot().iter("object"):  # noqa: S314 (the user's own data set)
        face = _same(faces, label)
        if face is not None:
            answer = vision.describe(picture, face).mask.value
            told.append((label.findtext("name", ""), answer))
    return told


def _same(faces: Sequence[Face], label: ET.Element) -> Face | None:
    corners = [
        float(label.findtext(f"bndbox/{name}", "0")) for name in ("xmin", "ymin", "xmax", "ymax")
    ]
    left, top, right, bottom = corners
    box = Box(left, top, right - left, bottom - top)
    best = max(faces, key=lambda face: face.box.overlap(box), default=None)
    return best if best is not None and best.box.overlap(box) >= _SAME_FACE else None


def _picture_of(label: Path, folder: Path) -> Path:
    found = next(folder.glob(f"{label.stem}.*"), None)
    if found is None:
        raise ArgumentError("a picture of the labels is not in the folder")
    return found


def _describe(vision: Vision, picture: Image.Image) -> tuple[Face, Attributes] | None:
    read: Picture = vision.read(_as_png(picture))
    faces = vision.detect(read)
    return (faces[0], vision.describe(read, faces[0])) if faces else None


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _as_png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", compress_level=0)
    return file.getvalue()


def _image(pixels: Doubles) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _column(seen: Sequence[Mapping[str, float]], name: str) -> Doubles:
    return np.array([each[name] for each in seen if name in each])


def _spread(errors: Doubles) -> tuple[float, float]:
    middle, most = np.percentile(errors, [50, 95])
    return round(float(middle), 1), round(float(most), 1)


def _mean(values: Doubles) -> tuple[float, float]:
    return round(float(values.mean()), 1), round(float(values.std()), 1)


def _median(values: Doubles) -> float:
    return round(float(np.median(values)), 3)
