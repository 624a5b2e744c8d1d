"""Label files: what they say, and that a file that says it wrongly is refused."""

from pathlib import Path

import pytest

from consentry.errors import ArgumentError
from consentry.evaluate.labels import (
    Pair,
    read_boxes,
    read_demographics,
    read_groups,
    read_pairs,
)
from consentry.vision import Box

PAIRS = "2\t1\nAnn\t1\t2\nAnn\t1\tBob\t3\nBob\t3\t4\nBob\t3\tEve\t1\n"


def write(folder: Path, text: str, name: str = "labels") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_pairs_carry_their_pictures_their_kind_and_their_fold(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, PAIRS)) == (
        Pair("Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", same=True, fold=0),
        Pair("Ann/Ann_0001.jpg", "Bob/Bob_0003.jpg", same=False, fold=0),
        Pair("Bob/Bob_0003.jpg", "Bob/Bob_0004.jpg", same=True, fold=1),
        Pair("Bob/Bob_0003.jpg", "Eve/Eve_0001.jpg", same=False, fold=1),
    )


@pytest.mark.parametrize(
    "text",
    ["", "2", "2 x", "1 0\nAnn 1 2", PAIRS + "Ann 1 2\n", "1 1\nAnn 1\nAnn 1 2",
     "1 1\nAnn 1 2\nAnn one Bob 2"],
    ids=["empty", "half a header", "no number", "no pairs", "too long", "short line", "no index"],
)  # fmt: skip
def test_malformed_pairs_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArgumentError):
        read_pairs(write(tmp_path, text))


def test_boxes_carry_whether_they_count(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a/one.jpg\n3\n1 2 30 40 0 0 0 0 0 0\n5 6 7 8 0 0 0 1 0 0\n5 6 0 8\n"
        "b/none.jpg\n0\n0 0 0 0 0 0 0 0 0 0\nb/two.jpg\n1\n1 2 3 4\n",
    )

    boxes = read_boxes(path)

    assert [face.counts for face in boxes["a/one.jpg"]] == [True, False, False]
    assert boxes["a/one.jpg"][0].box == Box(1, 2, 30, 40)
    assert boxes["b/none.jpg"] == ()
    assert boxes["b/two.jpg"][0].counts


@pytest.mark.parametrize(
    "text", ["one.jpg\n", "one.jpg\ntwo\n", "one.jpg\n2\n1 2 3 4\n", "one.jpg\n1\n1 2 3\n"]
)
def test_malformed_boxes_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArgumentError):
        read_boxes(write(tmp_path, text))


def test_groups_come_from_lines_or_from_the_name_of_the_file(tmp_path: Path) -> None:
    lists = [
        write(tmp_path, "Ann_0001.jpg\nsome/Eve_0001.jpg\n", "women.txt"),
        write(tmp_path, "Bob_0003.jpg,men\n", "others.csv"),
    ]

    assert read_groups(lists) == {
        "Ann_0001.jpg": "women",
        "Eve_0001.jpg": "women",
        "Bob_0003.jpg": "men",
    }


def test_demographics_are_found_by_picture_and_face(tmp_path: Path) -> None:
    path = write(tmp_path, "file,gender,skin,face\nimages/a/one.jpg,Female,IV,2\n")

    assert read_demographics(path, "images") == {
        ("a/one.jpg", 2): {"gender": "Female", "skin": "IV"}
    }


@pytest.mark.parametrize("text", ["file,skin\na,II\n", "file,face\na,two\n", "file,face\na\n"])
def test_malformed_demographics_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArgumentError):
        read_demographics(write(tmp_path, text), "images")


def test_labels_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ArgumentError):
        read_pairs(path)
