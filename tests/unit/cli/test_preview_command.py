"""``preview``: the tracks of a real film, with thumbnails that show nobody."""

import json
from pathlib import Path

import pytest
from tests.support.command_line import Consentry
from tests.support.jobs import film
from tests.support.layer import vision


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    path = tmp_path / "walk.mp4"
    path.write_bytes(film(1))
    return path


def test_tracks_are_listed_with_masked_thumbnails(consentry: Consentry, walk: Path) -> None:
    out = walk.with_name("tracks")
    ran = consentry("preview", walk, out, "--json")
    assert ran.code == 0
    document = json.loads((out / "tracks.json").read_text())
    assert document["video"]["frames"] == 25
    [track] = document["tracks"]
    assert (track["firstFrame"], track["lastFrame"]) == (0, 24)
    assert sorted(path.name for path in out.iterdir()) == ["track-1.jpg", "tracks.json"]
    assert track["thumbnail"] == "track-1.jpg"
    data = (out / "track-1.jpg").read_bytes()
    picture = vision().read(data)
    assert picture.width > 40
    assert vision().detect(picture) == ()
    assert ran.document["tracks"] == document["tracks"]


def test_pictures_and_folders_that_hold_something_are_refused(
    consentry: Consentry, walk: Path, samples: Path
) -> None:
    picture = consentry("preview", samples / "person_a_1.jpg", walk.with_name("new"), "--json")
    full = consentry("preview", walk, walk.parent, "--json")
    for ran in (picture, full):
        assert ran.code == 4
        assert ran.document["error"]["code"] == "BadArgument"
    assert [path.name for path in walk.parent.iterdir()] == ["walk.mp4"]
