"""Bring what one step hands to the next to JSON and back, so that steps need not share a machine.

``Survey``, ``Plan``, ``Piece``, ``PieceScan``, ``Scan``, ``PieceMasks``, ``Residue``, ``Track``,
``Errand``, ``Looked``, ``Sample``, ``Thumbnail`` and ``VideoOptions`` can be sent so, dataclasses
and tuples of them, and a ``Part`` without its data; what comes back is equal to what was sent.
"""

from pydantic import TypeAdapter, ValidationError

from consentry.errors import VideoError


def to_json(document: object) -> bytes:
    """Write a document of one of the kinds above."""
    return TypeAdapter(type(document)).dump_json(document)


def from_json[Document](kind: type[Document], data: bytes) -> Document:
    """Read a document of a kind; VideoError where it is none."""
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        raise VideoError("what a step of the redaction left cannot be read") from error
