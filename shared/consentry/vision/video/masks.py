"""Which masks lie on which frame: of tracks, of faces found in the output, and by hand."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from consentry.vision.geometry import Box
from consentry.vision.mask import ENLARGEMENT, MARGIN_PIXELS, MaskKind, MaskOptions, MaskShape
from consentry.vision.residual import Cover
from consentry.vision.video.merge import Scan
from consentry.vision.video.options import Region, VideoOptions
from consentry.vision.video.proof import NEIGHBOURS, Residue
from consentry.vision.video.sightings import Sighting
from consentry.vision.video.track import Track, make_tracks

PART_FRAMES: Final = 24  # frames that are encoded together: about a second
# A mask over what remained reaches less far than others: every frame beside it is looked at again.
_REMAINING_REACH_SECONDS: Final = 0.4
_BY_HAND: Final = MaskOptions(MaskKind.SOLID, MaskShape.RECTANGLE)


@dataclass(frozen=True, repr=False)
class PieceMasks:
    """All that is laid over one piece, and the times of its frames in ticks.

    ``first`` is the place of its first frame in the video. ``tracks`` are counted in frames of the
    video, and cut a little beyond the piece's ends. ``kept`` are parts of tracks that are rightly
    claimed: no mask of their own lies on them, but any other does where it reaches over them.
    """

    number: int
    first: int
    ticks: tuple[int, ...]
    tracks: tuple[tuple[Track, MaskOptions], ...]
    regions: tuple[Region, ...] = ()
    kept: tuple[Track, ...] = ()

    def of(self, frame: int) -> list[Cover]:
        """Give the masks of faces on a frame of the video, as the boxes that were found."""
        covers = []
        for track, options in self._near.get(frame // PART_FRAMES, ()):
            box = track.box(frame)
            if box is not None:
                covers.append((box, options))
        return covers

    def visible(self, frame: int) -> list[Box]:
        """Give the faces on a frame of the video that may be found in the output."""
        return [box for track in self.kept if (box := track.box(frame)) is not None]

    def by_hand(self, seconds: float) -> list[Cover]:
        """Give the masks that callers laid over a moment of the video."""
        return [
            (_found_for(region.box), _BY_HAND)
            for region in self.regions
            if region.start <= seconds < region.end
        ]

    @cached_property
    def _near(self) -> Mapping[int, list[tuple[Track, MaskOptions]]]:
        """Tracks by the second or so in which they run: a long video has many."""
        near: dict[int, list[tuple[Track, MaskOptions]]] = defaultdict(list)
        for laid in self.tracks:
            track, _ = laid
            for part in range(track.start // PART_FRAMES, (track.end - 1) // PART_FRAMES + 1):
                near[part].append(laid)
        return near


class Masks:
    """All masks of one video: the same whenever made of the same scan and residues, in order.

    ``kept`` names, by the place of a track among all, the frames of the video in which it stays
    visible; before and after them it is masked.
    """

    def __init__(
        self, scan: Scan, options: VideoOptions, kept: Mapping[int, range] | None = None
    ) -> None:
        self._scan = scan
        self._options = options
        self._laid: list[tuple[Track, MaskOptions]] = []
        self._kept: list[Track] = []
        for index, track in enumerate(make_tracks(scan.stage, scan.seen)):
            span = (kept or {}).get(index, range(track.start, track.start))
            for part in (track.within(0, span.start), track.within(span.stop, track.end)):
                if part is not None:
                    self._laid.append((part, options.mask))
            self._kept += filter(None, [track.within(span.start, span.stop)])

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All tracks that are masked."""
        return tuple(track for track, _ in self._laid)

    def piece(self, number: int) -> PieceMasks:
        """Give what is laid over one piece."""
        first, end = self._span(number)
        near = first - NEIGHBOURS, end + NEIGHBOURS
        laid = [(track.within(*near), options) for track, options in self._laid]
        return PieceMasks(
            number,
            first,
            self._scan.ticks[first:end],
            tuple((track, options) for track, options in laid if track is not None),
            self._options.regions,
            tuple(filter(None, (one.within(*near) for one in self._kept))),
        )

    def add(self, residues: Iterable[Residue]) -> dict[int, frozenset[int]]:
        """Lay solid masks over faces that remained in a round's output.

        Gives the parts to write again: by number of the piece their first frames. Nothing is to
        be written again when that is empty.
        """
        solid = MaskOptions(MaskKind.SOLID, self._options.mask.shape)
        remaining: dict[int, tuple[Sighting, ...]] = {}
        for residue in residues:
            remaining |= dict(residue.faces)
        seen = sorted(remaining.items())
        tracks = make_tracks(self._scan.stage, seen, _REMAINING_REACH_SECONDS)
        self._laid += [(track, solid) for track in tracks]
        touched: dict[int, set[int]] = defaultdict(set)
        for track in tracks:
            number = bisect_right(self._scan.starts, track.start) - 1
            while number < len(self._scan.starts):
                first, end = self._span(number)
                if first >= track.end:
                    break
                begin = (max(track.start, first) - first) // PART_FRAMES * PART_FRAMES + first
                touched[number].update(range(begin, min(track.end, end), PART_FRAMES))
                number += 1
        return {number: frozenset(parts) for number, parts in touched.items()}

    def _span(self, number: int) -> tuple[int, int]:
        """Give the first frame of a piece and that after its last."""
        edges = (*self._scan.starts, self._scan.stage.frames)
        return edges[number], edges[number + 1]


def _found_for(region: Box) -> Box:
    """Give the found box whose mask, with what it adds, is the region itself."""
    width = max(region.width - 2 * MARGIN_PIXELS, 1.0) / ENLARGEMENT
    height = max(region.height - 2 * MARGIN_PIXELS, 1.0) / ENLARGEMENT
    left = region.left + (region.width - width) / 2
    top = region.top + (region.height - height) / 2
    return Box(left, top, width, height)
