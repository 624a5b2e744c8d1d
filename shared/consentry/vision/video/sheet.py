"""A picture strip of a video's redaction: frames before and after, with the tracks drawn.

For people who would rather look than read. It shows faces, so it belongs to whoever may see the
input.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image, ImageDraw

from consentry.vision.video.container import Limits
from consentry.vision.video.frames import Frame, Piece, Reader, survey
from consentry.vision.video.options import RedactedVideo

SHOWN: Final = 12  # frames, evenly spread
_ACROSS: Final = 3  # pairs of frames in a row
_WIDTH: Final = 320  # pixels of a frame
_EDGE: Final = 4
_TITLE: Final = 16
_COLOURS: Final = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#42d4f4")


def shown_frames(frames: int) -> frozenset[int]:
    """Give the places of the frames that a sheet shows."""
    count = min(SHOWN, frames)
    return frozenset((2 * number + 1) * frames // (2 * count) for number in range(count))


def contact_sheet(source: BinaryIO, result: BinaryIO, done: RedactedVideo) -> bytes:
    """Draw a PNG of frames spread over a video, from its file and its redacted one."""
    wanted = shown_frames(done.frames)
    tiles = [
        _tile(f"frame {before.index}, {seconds:.2f} s", before, after, done)
        for before, after, seconds in zip(_frames(source), _frames(result), done.times, strict=True)
        if before.index in wanted
    ]
    wide, tall = tiles[0].size
    rows = -(-len(tiles) // _ACROSS)
    whole = Image.new("RGB", (wide * min(_ACROSS, len(tiles)), tall * rows), "white")
    for number, tile in enumerate(tiles):
        whole.paste(tile, (wide * (number % _ACROSS), tall * (number // _ACROSS)))
    file = BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


def _frames(file: BinaryIO) -> Iterator[Frame]:
    known = survey(file, Limits())
    return Reader(file, Piece(0), known, Limits(), threads=1).frames()


def _tile(title: str, before: Frame, after: Frame, done: RedactedVideo) -> Image.Image:
    factor = _WIDTH / done.form.width
    height = max(round(done.form.height * factor), 1)
    tile = Image.new("RGB", (2 * _WIDTH + 3 * _EDGE, height + _TITLE + _EDGE), "white")
    pen = ImageDraw.Draw(tile)
    pen.text((_EDGE, 1), title, fill="black")
    for place, frame in enumerate((before, after)):
        left = _EDGE + place * (_WIDTH + _EDGE)
        tile.paste(Image.fromarray(frame.planes.rgb(_WIDTH, height)), (left, _TITLE))
        for number, track in enumerate(done.tracks, 1):
            box = track.box(frame.index)
            if box is not None:
                colour = _COLOURS[number % len(_COLOURS)]
                corners = [left + box.left * factor, _TITLE + box.top * factor]
                corners += [left + box.right * factor, _TITLE + box.bottom * factor]
                pen.rectangle(corners, outline=colour)
                pen.text((corners[0] + 2, corners[1]), str(number), fill=colour)
    return tile
