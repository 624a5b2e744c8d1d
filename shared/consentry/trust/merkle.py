"""The Merkle tree of RFC 6962: leaves, roots, and proofs that an outsider can check.

A leaf's hash is SHA-256 of 0x00 and the leaf, a node's is SHA-256 of 0x01 and its two children
(section 2.1). ``Tree`` keeps the right edge only, which is enough to grow and to give the root;
proofs (sections 2.1.1 and 2.1.2) take a function that knows the hashes inside of the tree.
Verification follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, whose trees are the same.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256().digest()

Node = Callable[[int, int], bytes]
"""Gives the hash of a full subtree: its level (0 for a leaf) and its number on that level."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash a node of two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows by a leaf at a time; ``edge`` are its full subtrees, largest first."""

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        if len(edge) != size.bit_count():
            raise ValueError("the edge is not that of a tree of this size")
        self.size = size
        self._edge = list(edge)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        self._edge.append(leaf)
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            right = self._edge.pop()
            self._edge.append(node_hash(self._edge.pop(), right))
            rest //= 2

    @property
    def root(self) -> bytes:
        """The root hash."""
        return _fold(self._edge) if self._edge else EMPTY_ROOT

    @property
    def next_path(self) -> tuple[bytes, ...]:
        """Inclusion path of the leaf that comes next, in the tree that ends with it."""
        return tuple(reversed(self._edge))


def inclusion_path(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Prove that leaf ``index`` is in the tree of ``size`` leaves: PATH(m, D[n])."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_span(middle, end, node))
            end = middle
        else:
            path.append(_span(start, middle, node))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, node: Node) -> tuple[bytes, ...]:
    """Prove that the tree of ``new`` leaves begins with that of ``old``: PROOF(m, D[n])."""
    path, start, end = [], 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_span(middle, end, node))
            end = middle
        else:
            path.append(_span(start, middle, node))
            start = middle
    if start:  # the verifier knows the old root itself where the old tree is one whole subtree
        path.append(_span(start, end, node))
    return tuple(reversed(path))


def includes(root: bytes, size: int, index: int, leaf: bytes, path: Sequence[bytes]) -> bool:
    """Check that the leaf of this hash is number ``index`` in the tree of this root and size."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at % 2 == 1 or at == last:
            found = node_hash(sibling, found)
            at, last = _up_to_right_child(at, last)
        else:
            found = node_hash(found, sibling)
        at, last = at // 2, last // 2
    return last == 0 and found == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Check that the tree of ``new`` leaves begins with the tree of ``old`` leaves (1 or more)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return old_root == new_root and not path
    steps = [old_root, *path] if old.bit_count() == 1 else list(path)
    at, last = old - 1, new - 1
    while at % 2 == 1:
        at, last = at // 2, last // 2
    if not steps:
        return False
    old_found = new_found = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if at % 2 == 1 or at == last:
            old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
            at, last = _up_to_right_child(at, last)
        else:
            new_found = node_hash(new_found, sibling)
        at, last = at // 2, last // 2
    return last == 0 and old_found == old_root and new_found == new_root


def _up_to_right_child(at: int, last: int) -> tuple[int, int]:
    """Go up while the node is a left child without a sibling, which has no hash of its own."""
    while at % 2 == 0 and at:
        at, last = at // 2, last // 2
    return at, last


def _split(width: int) -> int:
    """Give the largest power of two below ``width``."""
    return 1 << ((width - 1).bit_length() - 1)


def _span(start: int, end: int, node: Node) -> bytes:
    """Hash of the leaves from ``start`` to before ``end``, where a subtree begins at ``start``."""
    edge = []
    while start < end:
        level = (end - start).bit_length() - 1
        edge.append(node(level, start >> level))
        start += 1 << level
    return _fold(edge)


def _fold(edge: Sequence[bytes]) -> bytes:
    return reduce(lambda right, left: node_hash(left, right), reversed(edge))
