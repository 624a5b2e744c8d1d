"""Find faces: quickly with one detector, or as many as possible with two.

YuNet was trained on faces of about 10 to 300 pixels (OpenCV's documentation of FaceDetectorYN),
so one pass cannot see both a crowd and a portrait. Each profile therefore runs it on a pyramid.
Where no face may be missed, CenterFace looks too, at smaller scales, which is enough for it, and
``consentry.vision.evidence`` weighs what both have seen.

Boxes and landmarks are in pixels of the upright picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.errors import PictureSizeError
from consentry.limits import REDACT_FACES_MAX
from consentry.vision import centerface, yunet
from consentry.vision.evidence import LEAST_SCORE, likelihood, weigh
from consentry.vision.geometry import Box, group, overlaps, turn_back
from consentry.vision.stages import stage
from consentry.vision.tiles import Detector, looks, resized
from consentry.vision.workers import in_order

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[Floats], Mapping[str, Floats]]

_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
_SMALLEST_SIDE: Final = 320  # of the last picture of a pyramid, in pixels
_FAST_SIDE: Final = 1280
_WANTED_PIXELS: Final = 1_400_000  # to which a picture is enlarged, within these bounds
_ENLARGEMENTS: Final = (1.25, 1.5)
_ENLARGED_PIXELS_MAX: Final = 4_000_000  # larger pictures are not enlarged for small faces
_SLOWER: Final = 5  # times that CenterFace takes longer for a pixel than YuNet
_LYING_SIDE: Final = 640  # longer side of the picture that is looked at lying, in pixels
_LYING_THRESHOLD: Final = 0.7  # few faces are not upright, and many folds and limbs look so


class Profile(StrEnum):
    """How hard to look.

    FAST finds the faces that can be verified; RECALL also small, large, faint and lying ones, for
    what it misses stays visible. CHECK looks at what RECALL has covered: it does not enlarge the
    picture, and looks at it upright only.
    """

    FAST = "fast"
    RECALL = "recall"
    CHECK = "check"


# FAST goes by YuNet's own score, the others by how likely it is a face. RECALL covers whatever is
# one in sixteen such cases, but of what is alone one in four: a face that is alone seldom looks
# doubtful. CHECK doubts more than RECALL does, and much more of what is alone, though what is left
# after RECALL are edges of masks, hands and shoes far more often than faces.
THRESHOLDS: Final = {Profile.FAST: 0.6, Profile.RECALL: 0.06, Profile.CHECK: 0.055}
_ALONE_THRESHOLDS: Final = {Profile.RECALL: 0.25, Profile.CHECK: 0.07}
_JUDGED_LEAST: Final = 0.07  # of a guess of YuNet's about which CenterFace is asked


@dataclass(frozen=True)
class Face:
    """A face: its box and landmarks in pixels of the upright picture, and a score, 0 to 1.

    ``landmarks`` (5, 2) are, by the picture's left and right: left eye, right eye, tip of the
    nose, left and right corner of the mouth.
    """

    box: Box
    landmarks: Floats
    score: float


class Detectors(NamedTuple):
    """The two networks that look together, with so many looks at a time.

    Each takes a batch and gives its outputs by name. Looks side by side, each on one core, keep
    more cores busy than one look on all of them, of which much is not done side by side.
    """

    yunet: Run
    centerface: Run
    at_a_time: int = 1


class _Asked(NamedTuple):
    """A look that is to be done: by which of the ways to look, and how long it takes about."""

    kind: int
    effort: float
    find: Callable[[], Floats]


def detect(run: Run, pixels: Pixels) -> tuple[Face, ...]:
    """Find the faces in RGB pixels (height, width, 3) with YuNet alone, profile FAST.

    Gives them largest first. Raises PictureSizeError when there are more than REDACT_FACES_MAX.
    """
    scales = fast_scales(pixels.shape[1], pixels.shape[0])
    seen = looks(_first(run), pixels, scales, THRESHOLDS[Profile.FAST])
    return _faces(np.concatenate([look.find() for look in seen]))


def detect_all(
    detectors: Detectors,
    pixels: Pixels,
    profile: Profile,
    *,
    least: float | None = None,
    lying: bool = True,
    closest: float | None = None,
) -> tuple[Face, ...]:
    """Find the faces in RGB pixels (height, width, 3) with both networks, by RECALL or CHECK.

    ``least`` is how likely a face has to be, if not as the profile says; without ``lying``, RECALL
    looks at the picture upright only; ``closest`` is the scale to which it enlarges it. Gives and
    raises what ``detect`` does.
    """
    height, width = pixels.shape[:2]
    first, second = _first(detectors.yunet), _second(detectors.centerface)
    by_first = looks(first, pixels, yunet_scales(profile, width, height, closest), LEAST_SCORE)
    by_second = looks(second, pixels, centerface_scales(profile, width, height), LEAST_SCORE)
    asked = [_Asked(0, look.pixels_seen, look.find) for look in by_first]
    asked += [_Asked(1, look.pixels_seen * _SLOWER, look.find) for look in by_second]
    if lying and profile is Profile.RECALL:
        asked.append(_Asked(2, 3 * _LYING_SIDE**2, lambda: _find_lying(first, pixels)))
    # The longest first, so that all cores are busy until the end.
    asked.sort(key=lambda each: -each.effort)
    rows = in_order(lambda each: each.find(), asked, detectors.at_a_time, ahead=len(asked))
    seen: tuple[list[Floats], ...] = ([], [], [])
    for each, found in zip(asked, rows, strict=True):
        seen[each.kind].append(found)
    with stage("weigh"):
        found, alone = weigh(np.concatenate(seen[0]), np.concatenate(seen[1]))
        wanted = np.where(alone, _ALONE_THRESHOLDS[profile], THRESHOLDS[profile])
        likely = found[found[:, 14] >= (wanted if least is None else least)]
        return _faces(np.concatenate([likely, *seen[2]]))


def candidates(run: Run, pixels: Pixels, least: float, scale: float = 1.0) -> tuple[Face, ...]:
    """Find all that may be a face in RGB pixels (height, width, 3), with YuNet, at one scale only.

    For frames of a video, where what comes before and after tells faces from other things, and
    for where a face is known to be.
    """
    return _once(
        np.concatenate([look.find() for look in looks(_first(run), pixels, [scale], least)])
    )


def judge(run: Run, pixels: Pixels, guesses: Sequence[Face], enlargement: float) -> list[Face]:
    """Ask CenterFace about guesses of YuNet in RGB pixels (height, width, 3); give what is likely.

    ``pixels`` are those of a picture ``enlargement`` times as large, in which sizes are weighed.
    Scores become likelihoods.
    """
    seen = np.concatenate(
        [look.find() for look in looks(_second(run), pixels, (1, 0.5), LEAST_SCORE)]
    )
    scores = [(face.score, _best_at(face.box, seen)) for face in guesses]
    heights = np.array([face.box.height * enlargement for face in guesses], np.float32)
    likely = likelihood(np.array(scores, np.float32).reshape(-1, 2), heights)
    return [
        replace(face, score=float(score))
        for face, score in zip(guesses, likely, strict=True)
        if score >= _JUDGED_LEAST
    ]


def _best_at(box: Box, rows: Floats) -> float:
    """Give the best score of rows (n, 15) that show what a box shows, or 0."""
    alike = overlaps(np.array(box.corners, np.float32), rows[:, :4]) > _SAME_FACE
    return float(rows[alike, 14].max(initial=0))


def _first(run: Run) -> Detector:
    def find(pixels: Pixels, least: float) -> Floats:
        with stage("prepare"):
            batch = yunet.batch(pixels)
        outputs = run(batch)
        with stage("decode"):
            return yunet.decode(outputs, batch.shape[3], least)

    return Detector(find, yunet.TILE_PIXELS)


def _second(run: Run) -> Detector:
    def find(pixels: Pixels, least: float) -> Floats:
        with stage("prepare"):
            batch = centerface.batch(pixels)
        outputs = run(batch)
        with stage("decode"):
            return centerface.decode(outputs, least)

    return Detector(find, centerface.TILE_PIXELS)


def _find_lying(detector: Detector, pixels: Pixels) -> Floats:
    """Look at the picture lying on either side and standing on its head, in its own pixels.

    Pictures lose their orientation mark, and people lie down; the model knows upright faces only.
    Nearly all faces stand upright, so this look is at a small copy.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _LYING_SIDE / max(width, height))
    small = resized(Image.fromarray(pixels), Box(0, 0, width, height), scale)
    found = []
    for turns in (1, 2, 3):
        rows = detector.find(np.rot90(small, turns), _LYING_THRESHOLD)
        points = turn_back(rows[:, :14].reshape(-1, 7, 2), turns, small.shape[1], small.shape[0])
        points *= np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        corners = points[:, :2]
        box = [corners.min(axis=1), corners.max(axis=1)]
        found.append(np.column_stack([*box, points[:, 2:].reshape(-1, 10), rows[:, 14]]))
    return np.concatenate(found)


def fast_scales(width: int, height: int) -> tuple[float, ...]:
    """Give the scales at which a picture is looked at quickly, largest first."""
    longest = max(width, height)
    scale = min(1.0, _FAST_SIDE / longest)
    small = _SMALLEST_SIDE / longest
    return (scale, small) if small < scale / 2 else (scale,)


def yunet_scales(
    profile: Profile, width: int, height: int, closest: float | None = None
) -> tuple[float, ...]:
    """Give the scales of YuNet's looks by RECALL or CHECK, largest first.

    RECALL enlarges a small picture more than a large one, which shows its faces larger and takes
    longer, or to ``closest``. What was measured decides: more than this, or steps of a half, find
    little more.
    """
    pixels = width * height
    first = 1.0
    if profile is Profile.RECALL and pixels <= _ENLARGED_PIXELS_MAX:
        first = closest or float(np.clip(sqrt(_WANTED_PIXELS / pixels), *_ENLARGEMENTS))
    return _steps(first, 3, max(width, height), 2 * _SMALLEST_SIDE)


def centerface_scales(profile: Profile, width: int, height: int) -> tuple[float, ...]:
    """Give the scales of CenterFace's looks by RECALL or CHECK, largest first.

    It takes seven times as long as YuNet, and at its full size it would add little.
    """
    first = 0.5 if profile is Profile.RECALL else 0.375
    return _steps(first, 2, max(width, height), _SMALLEST_SIDE)


def _steps(scale: float, step: float, longest: int, least: int) -> tuple[float, ...]:
    """Divide a scale until the picture's longer side has ``least`` pixels or fewer."""
    scales = [scale]
    while longest * scales[-1] > least:
        scales.append(scales[-1] / step)
    return tuple(scales)


def _faces(rows: Floats) -> tuple[Face, ...]:
    """Keep the best row of each face; largest first."""
    faces = _once(rows)
    if len(faces) > REDACT_FACES_MAX:
        raise PictureSizeError("the picture has too many faces")
    return tuple(sorted(faces, key=lambda face: -face.box.area))


def _once(rows: Floats) -> tuple[Face, ...]:
    shown = group(rows[:, :4], rows[:, 14], _SAME_FACE)
    return tuple(_face(rows[members]) for members in shown)


def _face(rows: Floats) -> Face:
    """Make one face of the rows (n, 15) that show it, the best first: its box, all landmarks' mean.

    The network guesses at every cell of its maps that lies on the face. Each guess at the landmarks
    errs by itself, so that their mean, weighted by score, errs much less than the best one.
    """
    left, top, right, bottom = (float(value) for value in rows[0, :4])
    weights = rows[:, 14:]
    landmarks = ((rows[:, 4:14] * weights).sum(axis=0) / weights.sum(axis=0)).reshape(5, 2)
    landmarks.setflags(write=False)
    return Face(Box(left, top, right - left, bottom - top), landmarks, float(rows[0, 14]))
