"""``redact`` and ``detect`` on real photographs, with the real models, without any service."""

import hashlib
import io
import shutil
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image
from tests.support.command_line import Consentry
from tests.support.videos import Recipe, pan, plain, video

from consentry.cli import offline
from consentry.vision import MaskKind, MaskShape, Profile
from consentry.vision.mask import VIDEO_INDEXER_BOX, VIDEO_INDEXER_KINDS
from consentry.vision.video import Codec, SoundKind


def names(folder: Path) -> list[str]:
    """Everything below a folder, hidden files included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_options_are_those_of_the_core() -> None:
    kinds = (*(kind.value for kind in MaskKind), *VIDEO_INDEXER_KINDS, VIDEO_INDEXER_BOX)
    assert get_args(offline.Kind) == kinds
    assert get_args(offline.VideoCodec) == tuple(codec.value for codec in Codec)
    assert get_args(offline.Sound) == tuple(kind.value for kind in SoundKind)
    assert get_args(offline.Shape) == tuple(shape.value for shape in MaskShape)
    assert get_args(offline.Thoroughness) == tuple(profile.value for profile in Profile)


def test_a_photograph_is_redacted_in_its_own_format(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    ran = consentry("redact", samples / "person_a_2.jpg", tmp_path / "out.jpg", "--json")
    assert ran.code == 0
    [file] = ran.document["files"]
    assert file["masks"] >= 1
    with (
        Image.open(tmp_path / "out.jpg") as after,
        Image.open(samples / "person_a_2.jpg") as before,
    ):
        assert (after.format, after.size) == (before.format, before.size)
    assert consentry("detect", tmp_path / "out.jpg", "--json").document["faces"] == []
    assert names(tmp_path) == ["out.jpg"]


def test_a_profile_tells_the_time_of_every_stage(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    ran = consentry(
        "redact", samples / "person_a_1.jpg", tmp_path / "out.jpg", "--profile", "--json"
    )
    times = ran.document["milliseconds"]
    stages = {"read", "resize", "prepare", "decode", "weigh", "cover", "fill", "write"}
    assert stages | {"model yunet-2023mar", "model centerface-2019", "passed"} == set(times)
    assert all(each >= 0 for each in times.values())
    alone = consentry("redact", samples / "person_a_1.jpg", tmp_path / "again.jpg", "--json")
    assert "milliseconds" not in alone.document


def test_a_folder_is_redacted_and_each_failure_gets_one_line_and_no_result(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    shutil.copy(samples / "impostor_1.jpg", source / "deep" / "good.jpg")
    (source / "broken.jpg").write_bytes((samples / "city.jpg").read_bytes()[:5000])
    (source / "empty.png").write_bytes(b"")
    ran = consentry("redact", source, target)
    assert ran.code == 1
    failures = [line for line in ran.out.splitlines() if line.startswith("FAILED")]
    assert len(failures) == 2
    assert "InvalidImage" in failures[0]
    assert "1 redacted, 2 failed" in ran.out
    assert names(target) == ["deep/good.jpg"]


def test_a_format_that_cannot_be_written_gets_a_suffix(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    bitmap = tmp_path / "photo.bmp"
    with Image.open(samples / "person_b_1.jpg") as picture:
        picture.save(bitmap)
    ran = consentry("redact", bitmap, tmp_path / "out.bmp", "--json")
    assert ran.code == 0
    written = Path(ran.document["files"][0]["out"])
    assert written.name.startswith("out.bmp")
    with Image.open(io.BytesIO(written.read_bytes())) as picture:
        picture.load()


def test_out_is_never_in(consentry: Consentry, samples: Path, tmp_path: Path) -> None:
    original = tmp_path / "photo.jpg"
    shutil.copy(samples / "city.jpg", original)
    for target in (original, tmp_path):
        ran = consentry("redact", original, target)
        assert ran.code == 4
        assert "OUT must not be IN" in ran.err
    assert consentry("redact", tmp_path, tmp_path / "results").code == 4
    assert original.read_bytes() == (samples / "city.jpg").read_bytes()
    assert names(tmp_path) == ["photo.jpg"]


def test_a_result_that_cannot_be_written_leaves_nothing(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    ran = consentry("redact", samples / "impostor_1.jpg", tmp_path / "file" / "out.jpg", "--json")
    assert ran.code == 1
    assert ran.document["files"][0]["error"]["code"] == "ServiceUnavailable"
    assert names(tmp_path) == ["file"]


def test_without_the_layer_nothing_is_redacted(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    ran = consentry(
        "redact", samples / "city.jpg", tmp_path / "out.jpg", "--layer", tmp_path, "--json"
    )
    assert ran.code == 5
    assert ran.document["error"]["code"] == "ModelLayer"
    assert "consentry layer build" in ran.document["error"]["cure"]
    assert names(tmp_path) == []


def test_an_empty_folder_is_refused(consentry: Consentry, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ran = consentry("redact", tmp_path / "in", tmp_path / "out")
    assert ran.code == 4
    assert not (tmp_path / "out").exists()


def test_detect_lists_the_largest_face_first(consentry: Consentry, samples: Path) -> None:
    ran = consentry("detect", samples / "city.jpg", "--profile", "recall", "--json")
    assert ran.code == 0
    areas = [face["width"] * face["height"] for face in ran.document["faces"]]
    assert len(areas) > 5
    # Sides are rounded to tenths of a pixel.
    assert all(one * 1.02 > other for one, other in pairwise(areas))


def test_detect_tells_how_many_faces_there_are(consentry: Consentry, samples: Path) -> None:
    ran = consentry("detect", samples / "person_b_1.jpg")
    assert ran.code == 0
    assert ran.out.startswith("1 faces\n")


def test_a_file_that_is_no_picture_is_refused(consentry: Consentry, samples: Path) -> None:
    ran = consentry("detect", samples / "CREDITS.md", "--json")
    assert ran.code == 4
    assert ran.document["error"]["code"] == "InvalidImage"


@pytest.mark.parametrize("option", ["--kind=emoji", "--shape=star"])
def test_an_unknown_mask_is_wrong_use(
    consentry: Consentry, samples: Path, tmp_path: Path, option: str
) -> None:
    ran = consentry("redact", samples / "city.jpg", tmp_path / "out.jpg", option)
    assert ran.code == 2
    assert names(tmp_path) == []


def test_a_video_becomes_an_mp4_with_a_manifest(
    consentry: Consentry, samples: Path, tmp_path: Path
) -> None:
    frames = pan((samples / "person_a_2.jpg").read_bytes(), 12, 320, 240, step=2)
    original = tmp_path / "walk.mkv"
    original.write_bytes(video(frames, Recipe("matroska", sound=True)))

    ran = consentry("redact", original, tmp_path / "out" / "walk.mkv", "--json")

    assert ran.code == 0
    [file] = ran.document["files"]
    result = tmp_path / "out" / "walk.mkv.mp4"
    assert file["out"] == str(result)
    assert file["output"]["sha256"] == hashlib.sha256(result.read_bytes()).hexdigest()
    assert file["input"]["sha256"] == hashlib.sha256(original.read_bytes()).hexdigest()
    assert file["video"]["frames"] == 12
    assert file["streams"] == {"sound": "drop", "mutedSeconds": [], "dropped": {}}
    spans = [(track["firstFrame"], track["lastFrame"]) for track in file["tracks"]]
    assert (0, 11) in spans
    assert names(tmp_path) == ["out/walk.mkv.mp4", "walk.mkv"]


def test_a_broken_video_gets_no_result(consentry: Consentry, tmp_path: Path) -> None:
    original = tmp_path / "cut.mp4"
    original.write_bytes(video(plain(10))[:200])
    ran = consentry("redact", original, tmp_path / "out.mp4", "--json")
    assert ran.code == 1
    assert ran.document["files"][0]["error"]["code"] == "InvalidVideo"
    assert names(tmp_path) == ["cut.mp4"]


@pytest.mark.parametrize(
    "options",
    [
        ("--sound", "mute"),
        ("--mute", "1-2"),
        ("--sound", "mute", "--mute", "2-1"),
        ("--region", "1,2,3@0-1"),
        ("--region", "1,2,0,4@0-1"),
        ("--kind", "BoundingBox"),
    ],
)
def test_an_option_of_videos_that_makes_no_sense_is_refused(
    consentry: Consentry, samples: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    ran = consentry("redact", samples / "city.jpg", tmp_path / "out.jpg", *options, "--json")
    assert ran.code == 4
    assert ran.document["error"]["code"] == "BadArgument"
    assert names(tmp_path) == []
