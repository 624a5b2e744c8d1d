"""The tree of RFC 6962, by the vectors of Certificate Transparency and by its definition."""

import hashlib
from functools import partial

import pytest

from consentry.trust.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_path,
    extends,
    includes,
    inclusion_path,
    leaf_hash,
    node_hash,
)
from consentry.trust.tiles import TileReader, grown_tiles, tile_name

# Leaves, roots and proofs of the reference implementation of Certificate Transparency.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    return tree


def node_of(leaves: list[bytes], level: int, index: int) -> bytes:
    """Hash of a full subtree, out of its leaves."""
    return tree_of(leaves[index << level : (index + 1) << level]).root


def head_by_definition(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) as section 2.1 of RFC 6962 writes it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(head_by_definition(leaves[:k]), head_by_definition(leaves[k:]))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_vectors(size: int) -> None:
    assert tree_of(LEAVES[:size]).root.hex() == ROOTS[size]
    assert EMPTY_ROOT.hex() == ROOTS[0]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_paths_are_those_of_the_vectors(index: int, size: int) -> None:
    path = inclusion_path(index, size, partial(node_of, LEAVES))
    assert [step.hex() for step in path] == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_paths_are_those_of_the_vectors(old: int, new: int) -> None:
    path = consistency_path(old, new, partial(node_of, LEAVES))
    assert [step.hex() for step in path] == CONSISTENCY[old, new]


def test_every_leaf_of_every_tree_is_proven_and_nothing_else() -> None:
    leaves = [str(number).encode() for number in range(40)]
    node = partial(node_of, leaves)
    for size in range(1, 41):
        root = head_by_definition(leaves[:size])
        assert tree_of(leaves[:size]).root == root
        for index in range(size):
            path = inclusion_path(index, size, node)
            leaf = leaf_hash(leaves[index])
            assert includes(root, size, index, leaf, path)
            assert not includes(root, size, index, leaf_hash(b"other"), path)
            assert not includes(root, size, index, leaf, (*path, leaf))
            assert not includes(root, size, index, leaf, path[:-1]) or not path
            assert not includes(root, size, (index + 1) % size, leaf, path) or size == 1
        assert not includes(root, size, size, leaf_hash(leaves[0]), ())


def test_every_tree_is_proven_to_begin_with_every_earlier_one_and_no_other() -> None:
    leaves = [str(number).encode() for number in range(40)]
    node = partial(node_of, leaves)
    roots = [head_by_definition(leaves[:size]) for size in range(41)]
    for new in range(1, 41):
        for old in range(1, new + 1):
            path = consistency_path(old, new, node)
            assert extends(old, roots[old], new, roots[new], path)
            assert not extends(old, leaf_hash(b"other"), new, roots[new], path)
            assert not extends(old, roots[old], new, leaf_hash(b"other"), path)
            assert not extends(old, roots[old], new, roots[new], (*path, roots[1]))
            assert not extends(old, roots[old], new, roots[new], path[:-1]) or not path
    assert not extends(0, roots[0], 3, roots[3], ())
    assert not extends(4, roots[4], 3, roots[3], ())


def test_an_edge_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="edge"):
        Tree(3, [leaf_hash(b"")])


@pytest.mark.parametrize(
    ("number", "width", "name"),
    [
        (0, 256, "tile/0/000"),
        (7, 3, "tile/0/007.p/3"),
        (1234067, 256, "tile/0/x001/x234/067"),
    ],
)
def test_tiles_are_named_as_tlog_tiles_names_them(number: int, width: int, name: str) -> None:
    assert tile_name(0, number, width) == name


@pytest.mark.parametrize("steps", [[1, 255, 1, 600], [256, 256], [70_000], [3] * 100])
def test_proofs_of_tiles_are_those_of_the_leaves(steps: list[int]) -> None:
    tiles: dict[str, bytes] = {}
    tree, hashes = Tree(), list[bytes]()
    for step in steps:
        new = [leaf_hash(str(len(hashes) + number).encode()) for number in range(step)]
        for name, tile in grown_tiles(len(hashes), new, tiles.__getitem__):
            assert name not in tiles
            tiles[name] = tile
        hashes += new
        for leaf in new:
            tree.append(leaf)
        node = TileReader(len(hashes), tiles.__getitem__)
        for index in {0, len(hashes) // 3, len(hashes) - 1}:
            path = inclusion_path(index, len(hashes), node)
            assert includes(tree.root, tree.size, index, hashes[index], path)
