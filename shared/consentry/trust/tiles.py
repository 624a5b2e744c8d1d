"""Where the hashes of the tree are kept: tiles of 256, as C2SP tlog-tiles names them.

Tile ``tile/{level}/{number}`` holds the hashes of 256 full subtrees of 256**level leaves, side by
side; one that is not full yet has its width in its name (``….p/{width}``). So a tile never
changes once it is written, a seal writes about as much as it adds, and a proof reads about two
tiles per level. A tile is a convenience: every proof made of tiles is checked against a signed
root before anybody gets it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from consentry.trust.merkle import HASH_BYTES, Tree

FOLDER: Final = "tile/"
HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
_TILE_BYTES: Final = WIDTH * HASH_BYTES

Read = Callable[[str], bytes]


def tile_name(level: int, number: int, width: int = WIDTH) -> str:
    """Name a tile; its number is written in groups of three digits, as tlog-tiles has it."""
    groups = f"{number % 1000:03}"
    while number := number // 1000:
        groups = f"x{number % 1000:03}/{groups}"
    partial = "" if width == WIDTH else f".p/{width}"
    return f"{FOLDER}{level}/{groups}{partial}"


def grown_tiles(size: int, leaves: Sequence[bytes], read: Read) -> Iterator[tuple[str, bytes]]:
    """Give names and contents of the tiles that ``leaves`` add to a tree of ``size``."""
    level, added = 0, b"".join(leaves)
    while added:
        number, kept = divmod(size >> (HEIGHT * level), WIDTH)
        data = (read(tile_name(level, number, kept)) if kept else b"") + added
        roots = []
        for place in range(0, len(data), _TILE_BYTES):
            tile = data[place : place + _TILE_BYTES]
            yield tile_name(level, number, len(tile) // HASH_BYTES), tile
            if len(tile) == _TILE_BYTES:
                roots.append(_root(tile))
            number += 1
        level, added = level + 1, b"".join(roots)


class TileReader:
    """Finds the hashes inside of a tree of a size that was sealed."""

    def __init__(self, size: int, read: Read) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[str, bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Hash of the full subtree number ``index`` of 2**level leaves."""
        row, height = divmod(level, HEIGHT)
        number, place = divmod(index << height, WIDTH)
        width = min(WIDTH, (self._size >> (HEIGHT * row)) - number * WIDTH)
        name = tile_name(row, number, width)
        if name not in self._tiles:
            self._tiles[name] = self._read(name)
        first = place * HASH_BYTES
        return _root(self._tiles[name][first : first + (HASH_BYTES << height)])


def _root(hashes: bytes) -> bytes:
    tree = Tree()
    for place in range(0, len(hashes), HASH_BYTES):
        tree.append(hashes[place : place + HASH_BYTES])
    return tree.root
