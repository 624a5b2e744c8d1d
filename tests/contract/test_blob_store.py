import random
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from consentry.azure.names import Container
from consentry.azure.ranges import RANGE_BYTES
from consentry.errors import ConflictError, PayloadTooLargeError
from consentry.service.ports import BlobStore

INBOX, QUARANTINE = Container.INBOX, Container.QUARANTINE
HOSTILE = ["a b.jpg", "ünï/цвет.png", "100%/?#&+.jpg", "dots/.../x", "quote's.jpg", "%2e%2e"]


def write(blobs: BlobStore, name: str, data: bytes = b"content", **metadata: str) -> str:
    return blobs.write(INBOX, name, data, content_type="image/jpeg", metadata=metadata)


@pytest.mark.parametrize("ending", HOSTILE)
def test_what_was_written_is_read_back_whole(blobs: BlobStore, place: str, ending: str) -> None:
    name = f"{place}/{ending}"
    etag = write(blobs, name, b"\x00\xff" * 1000, kind="blur")
    blob = blobs.read(INBOX, name, limit=2000, etag=etag)
    assert blob is not None
    assert blob.data == b"\x00\xff" * 1000
    assert blob.properties == blobs.properties(INBOX, name)
    assert (blob.properties.name, blob.properties.etag) == (name, etag)
    assert blob.properties.size == 2000
    assert blob.properties.metadata == {"kind": "blur"}
    assert abs(blob.properties.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_an_empty_blob_is_read_as_empty(blobs: BlobStore, place: str) -> None:
    write(blobs, place, b"")
    blob = blobs.read(INBOX, place, limit=10)
    assert blob is not None
    assert (blob.data, blob.properties.size) == (b"", 0)


def test_a_missing_blob_is_none_and_cannot_be_deleted(blobs: BlobStore, place: str) -> None:
    assert blobs.properties(INBOX, place) is None
    assert blobs.read(INBOX, place, limit=10) is None
    assert blobs.delete(INBOX, place) is False


def test_a_blob_above_the_limit_is_not_read(blobs: BlobStore, place: str) -> None:
    write(blobs, place, b"x" * 101)
    with pytest.raises(PayloadTooLargeError):
        blobs.read(INBOX, place, limit=100)


def test_a_replaced_blob_is_not_read_as_the_old_one(blobs: BlobStore, place: str) -> None:
    old = write(blobs, place, b"old")
    new = write(blobs, place, b"new")
    assert old != new
    with pytest.raises(ConflictError):
        blobs.read(INBOX, place, limit=10, etag=old)


def test_a_file_of_any_size_is_uploaded_and_read_from_anywhere(
    blobs: BlobStore, place: str
) -> None:
    data = random.Random(7).randbytes(2 * RANGE_BYTES + 1000)  # noqa: S311 (repeatable)
    etag = blobs.upload(INBOX, place, BytesIO(data), content_type="video/mp4")
    file = blobs.open(INBOX, place, etag=etag)
    assert file is not None
    assert file.seek(0, 2) == len(data)
    for start, size in ((RANGE_BYTES - 3, 10), (0, 5), (2 * RANGE_BYTES, 5000), (len(data) + 9, 1)):
        file.seek(start)
        assert file.read(size) == data[start : start + size]
    file.seek(0)
    assert file.read() == data


def test_a_blob_that_is_replaced_while_it_is_read_by_ranges_is_noticed(
    blobs: BlobStore, place: str
) -> None:
    etag = write(blobs, place, b"x" * (RANGE_BYTES + 1))
    file = blobs.open(INBOX, place, etag=etag)
    assert file is not None
    write(blobs, place, b"y" * (RANGE_BYTES + 1))
    with pytest.raises(ConflictError):
        file.read(10)
    with pytest.raises(ConflictError):
        blobs.open(INBOX, place, etag=etag)
    assert blobs.open(INBOX, f"{place}/other", etag=etag) is None


def test_only_new_never_overwrites(blobs: BlobStore, place: str) -> None:
    etag = blobs.write(INBOX, place, b"first", content_type="text/plain", only_new=True)
    with pytest.raises(ConflictError):
        blobs.write(INBOX, place, b"second", content_type="text/plain", only_new=True)
    blob = blobs.read(INBOX, place, limit=10, etag=etag)
    assert blob is not None
    assert blob.data == b"first"


def test_a_replaced_blob_is_not_deleted(blobs: BlobStore, place: str) -> None:
    old = write(blobs, place, b"old")
    write(blobs, place, b"new")
    with pytest.raises(ConflictError):
        blobs.delete(INBOX, place, etag=old)
    blob = blobs.read(INBOX, place, limit=10)
    assert blob is not None
    assert blob.data == b"new"


def test_deleting_by_etag_deletes(blobs: BlobStore, place: str) -> None:
    etag = write(blobs, place)
    assert blobs.delete(INBOX, place, etag=etag) is True
    assert blobs.properties(INBOX, place) is None


def test_deleting_by_etag_what_has_gone_deletes_nothing(blobs: BlobStore, place: str) -> None:
    etag = write(blobs, place)
    blobs.delete(INBOX, place)
    assert blobs.delete(INBOX, place, etag=etag) is False


@pytest.mark.parametrize("size", [0, 1, 5 * 1024 * 1024])
def test_a_moved_blob_is_there_and_no_longer_here(blobs: BlobStore, place: str, size: int) -> None:
    data = bytes(range(256)) * (size // 256) if size > 1 else b"x" * size
    name = f"{place}/ü b%.jpg"
    etag = write(blobs, name, data, kind="blur")
    blobs.move((INBOX, name), (QUARANTINE, name), etag=etag, metadata={"code": "BadArgument"})
    moved = blobs.read(QUARANTINE, name, limit=size + 1)
    assert moved is not None
    assert moved.data == data
    assert moved.properties.metadata == {"code": "BadArgument"}
    assert blobs.properties(INBOX, name) is None


def test_a_move_without_metadata_keeps_the_blobs_own(blobs: BlobStore, place: str) -> None:
    etag = write(blobs, place, kind="blur")
    blobs.move((INBOX, place), (QUARANTINE, place), etag=etag, metadata={})
    moved = blobs.properties(QUARANTINE, place)
    assert moved is not None
    assert moved.metadata == {"kind": "blur"}


def test_a_replaced_blob_is_not_moved(blobs: BlobStore, place: str) -> None:
    old = write(blobs, place, b"old")
    new = write(blobs, place, b"new")
    with pytest.raises(ConflictError):
        blobs.move((INBOX, place), (QUARANTINE, place), etag=old, metadata={})
    assert blobs.properties(QUARANTINE, place) is None
    assert blobs.read(INBOX, place, limit=10, etag=new) is not None


def test_a_blob_that_has_gone_is_not_moved(blobs: BlobStore, place: str) -> None:
    with pytest.raises(ConflictError):
        blobs.move((INBOX, place), (QUARANTINE, place), etag="0x1", metadata={})
    assert blobs.properties(QUARANTINE, place) is None


def test_a_list_has_the_prefix_and_the_order_of_names(blobs: BlobStore, place: str) -> None:
    for ending in ("b", "a/2", "a/1", "aa"):
        write(blobs, f"{place}/{ending}", kind=ending[0])
    write(blobs, f"other{place}")
    found = list(blobs.list(INBOX, f"{place}/"))
    assert [blob.name for blob in found] == [f"{place}/{end}" for end in ("a/1", "a/2", "aa", "b")]
    assert [blob.metadata["kind"] for blob in found] == ["a", "a", "a", "b"]
    assert [blob.name for blob in blobs.list(INBOX, f"{place}/a/")] == [
        f"{place}/a/1",
        f"{place}/a/2",
    ]
