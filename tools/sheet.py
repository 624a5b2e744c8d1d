"""A picture sheet: each photograph before and after, side by side, with its credit below."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL = (560, 380)
MARGIN = 24
CAPTION = 56
INK, PAPER, GREY = (20, 20, 20), (250, 250, 248), (110, 110, 110)


def write_sheet(names: Sequence[str], before: Path, after: Path, out: Path) -> str:
    """Draw the sheet; ``before`` also holds CREDITS.md, which says whose the photographs are."""
    credits_by_name = _credits(before / "CREDITS.md")
    row = CELL[1] + CAPTION
    size = (2 * CELL[0] + 3 * MARGIN, len(names) * row + 2 * MARGIN + CAPTION)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), "before", INK, _font(24))
    draw.text((2 * MARGIN + CELL[0], MARGIN), "after", INK, _font(24))
    for index, name in enumerate(names):
        top = MARGIN + CAPTION + index * row
        for column, folder in enumerate((before, after)):
            left = MARGIN + column * (CELL[0] + MARGIN)
            with Image.open(folder / name) as picture:
                picture.thumbnail(CELL)
                sheet.paste(picture.convert("RGB"), (left, top))
        caption = _plain(f"{name}: {credits_by_name[name]}")
        draw.text((MARGIN, top + CELL[1] + 6), caption, GREY, _font(14))
    sheet.save(out, quality=88)
    return f"{len(names)} photographs, before and after"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _plain(text: str) -> str:
    """Leave accents out: the font that comes with Pillow has none beyond Western Europe's."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _credits(path: Path) -> dict[str, str]:
    """Read the lines ``- name: who, licence`` of the credits."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, credit = line.removeprefix("- ").partition(": ")
        found[name] = credit
    return found
