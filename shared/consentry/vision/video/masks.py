"""Which masks lie on which frame: of tracks, of faces found in the output, and by hand."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from consentry.vision.detect import Face
from consentry.vision.geometry import Box
from consentry.vision.mask import ENLARGEMENT, MARGIN_PIXELS, MaskKind, MaskOptions, MaskShape
from consentry.vision.residual import Cover
from consentry.vision.video.options import Region
from consentry.vision.video.track import Scan, Sighting, Track, make_tracks

PART_FRAMES: Final = 24  # frames that are encoded together: about a second


class Masks:
    """All masks of one video, by frame."""

    def __init__(self, options: MaskOptions, regions: Sequence[Region], scan: Scan) -> None:
        self._options = options
        self._regions = regions
        self._scan = scan
        self._by_part: dict[int, list[tuple[Track, MaskOptions]]] = defaultdict(list)
        self.tracks: list[Track] = []
        for track in make_tracks(scan):
            self._put(track, options)

    def of(self, frame: int) -> list[Cover]:
        """Give the masks of faces on a frame, as the boxes that were found."""
        covers = []
        for track, options in self._by_part.get(frame // PART_FRAMES, ()):
            box = track.box(frame)
            if box is not None:
                covers.append((box, options))
        return covers

    def by_hand(self, seconds: float) -> list[Cover]:
        """Give the masks that callers laid over a moment of the video."""
        solid = MaskOptions(MaskKind.SOLID, MaskShape.RECTANGLE)
        return [
            (_found_for(region.box), solid)
            for region in self._regions
            if region.start <= seconds < region.end
        ]

    def add(self, remaining: Mapping[int, Sequence[Face]]) -> set[int]:
        """Lay solid masks over faces found in the output; give the parts that they touch."""
        solid = MaskOptions(MaskKind.SOLID, self._options.shape)
        seen = [
            (frame, [Sighting(frame, face.box, face.score, sure=True) for face in faces])
            for frame, faces in sorted(remaining.items())
        ]
        tracks = make_tracks(replace(self._scan, seen=seen))
        return {part for track in tracks for part in self._put(track, solid)}

    def _put(self, track: Track, options: MaskOptions) -> set[int]:
        parts = set(range(track.start // PART_FRAMES, (track.end - 1) // PART_FRAMES + 1))
        for part in parts:
            self._by_part[part].append((track, options))
        self.tracks.append(track)
        return parts


def _found_for(region: Box) -> Box:
    """Give the found box whose mask, with what it adds, is the region itself."""
    width = max(region.width - 2 * MARGIN_PIXELS, 1.0) / ENLARGEMENT
    height = max(region.height - 2 * MARGIN_PIXELS, 1.0) / ENLARGEMENT
    left = region.left + (region.width - width) / 2
    top = region.top + (region.height - height) / 2
    return Box(left, top, width, height)
