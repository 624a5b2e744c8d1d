"""Whole videos through the core: what leaves shows no face and carries nothing else."""

from io import BytesIO
from itertools import count

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.layer import sample, vision
from tests.support.videos import Recipe, beside, decoded, loudness, pan, plain, video

from consentry.errors import RedactionError, VideoError, VideoSizeError
from consentry.vision import Box, MaskKind, MaskOptions, Profile
from consentry.vision.detect import Detectors, Run
from consentry.vision.video import (
    Codec,
    Limits,
    RedactedVideo,
    Region,
    SoundKind,
    SoundOptions,
    VideoOptions,
    contact_sheet,
    redact_video,
)

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 320, 240
DROP, DEFAULT = VideoOptions(), Limits()
MUTED = SoundOptions(SoundKind.MUTE, ((0.4, 0.8),))


def redacted(
    data: bytes, options: VideoOptions = DROP, limits: Limits = DEFAULT
) -> tuple[bytes, RedactedVideo]:
    target = BytesIO()
    done = vision().redact_video(BytesIO(data), target, BytesIO(), options, limits=limits)
    return target.getvalue(), done


def faces(pixels: Pixels) -> int:
    return len(vision().detect(np.ascontiguousarray(pixels), Profile.FAST))


@pytest.fixture(scope="module")
def walk() -> list[Pixels]:
    """A face that is there from the first frame on."""
    return pan(sample("person_a_2.jpg"), 26, WIDTH, HEIGHT, step=2)


@pytest.mark.parametrize("kind", MaskKind)
def test_no_frame_shows_a_face_that_the_input_showed(walk: list[Pixels], kind: MaskKind) -> None:
    assert all(faces(pixels) for pixels in (walk[0], walk[-1]))

    data, done = redacted(video(walk), VideoOptions(MaskOptions(kind)))

    frames, times = decoded(data)
    assert len(frames) == len(walk) == done.frames
    assert times == pytest.approx([index / 25 for index in range(len(walk))])
    assert sum(faces(pixels) for pixels in frames) == 0
    assert len(done.tracks) >= 1


def test_mask_never_flickers_within_a_track(walk: list[Pixels]) -> None:
    data, done = redacted(video(walk))

    frames, _ = decoded(data)
    track = max(done.tracks, key=lambda track: track.sightings)
    assert (track.start, track.end) == (0, len(walk))
    for index, pixels in enumerate(frames):
        box = track.box(index)
        assert box is not None
        x, y = int(box.left + box.width / 2), int(box.top + box.height / 2)
        assert pixels[y, x].max() <= 32


def test_pictures_without_a_face_stay_as_they_are() -> None:
    frames = plain(20)

    data, done = redacted(video(frames))

    after, _ = decoded(data)
    assert done.tracks == ()
    assert done.rounds == 1
    assert np.abs(np.array(after, np.int16) - np.array(frames)).mean() < 8


def test_region_is_masked_by_hand_in_its_span_only() -> None:
    region = Region(Box(10, 10, 40, 30), 0.2, 0.6)

    data, _ = redacted(video(plain(20)), VideoOptions(regions=(region,)))

    shown = [int(pixels[12, 14].max()) for pixels in decoded(data)[0]]
    assert max(shown[5:15]) <= 32
    assert min(shown[:5] + shown[15:]) > 90


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("matroska", "libvpx-vp9", options=(("deadline", "realtime"), ("cpu-used", "8"))),
        Recipe("webm", "libsvtav1", options=(("preset", "12"),)),
        Recipe("mpegts", "libx264", options=(("bf", "2"),)),
        Recipe("avi", "mpeg4"),
        Recipe("avi", "mjpeg", "yuvj420p"),
        Recipe(
            "mov",
            "libx265",
            "yuv420p10le",
            options=(("preset", "ultrafast"), ("x265-params", "log-level=0")),
        ),
        Recipe("mp4", "libx264", "yuv444p"),
        Recipe(
            "mp4",
            "libx264",
            options=(("preset", "veryfast"), ("flags", "+ildct"), ("x264-params", "tff=1")),
        ),
    ],
    ids=[
        "mkv-vp9",
        "webm-av1",
        "ts-b-frames",
        "avi-mpeg4",
        "avi-mjpeg",
        "mov-hevc-10-bit",
        "444",
        "interlaced",
    ],
)
def test_every_container_and_codec_becomes_an_mp4_with_all_frames(recipe: Recipe) -> None:
    frames = plain(20)

    data, done = redacted(video(frames, recipe))

    after, times = decoded(data)
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat")
    assert len(after) == done.frames == 20
    assert times == pytest.approx([index / 25 for index in range(20)], abs=0.002)
    for before, now in zip(frames, after, strict=True):
        assert np.abs(now.astype(np.int16) - before).mean() < 12


@pytest.mark.parametrize("codec", Codec)
def test_output_has_the_codec_that_was_asked_for(codec: Codec) -> None:
    data, _ = redacted(video(plain(60)), VideoOptions(codec=codec))

    assert len(decoded(data)[0]) == 60
    _, done = redacted(data)
    assert done.probe.codec == codec.value


def test_uneven_times_are_kept() -> None:
    times = [0, 40, 50, 300, 301, 900, 1000, 1040]

    data, done = redacted(video(plain(8), Recipe("matroska", times=times)))

    assert decoded(data)[1] == pytest.approx([time / 1000 for time in times], abs=0.001)
    assert done.repaired == 0


@pytest.mark.parametrize(
    ("rotation", "mirrored"), [(0, True), (90, False), (180, False), (270, False), (90, True)]
)
def test_turned_and_mirrored_videos_come_out_as_they_are_shown(
    rotation: int, mirrored: bool
) -> None:
    shown = plain(3)
    turned = [np.fliplr(pixels) if mirrored else pixels for pixels in shown]
    turned = [np.ascontiguousarray(np.rot90(pixels, -rotation // 90)) for pixels in turned]
    recipe = Recipe(rotation=rotation, mirrored=mirrored)

    data, _ = redacted(video(turned, recipe))

    after, _ = decoded(data)
    assert after[0].shape == shown[0].shape
    assert np.abs(after[2].astype(np.int16) - shown[2]).mean() < 8


def test_odd_sides_get_their_last_line_twice() -> None:
    frames = [pixels[:61, :95] for pixels in plain(3)]
    made = video([np.ascontiguousarray(f) for f in frames], Recipe(pixel_format="yuv444p"))

    data, _ = redacted(made)

    assert decoded(data)[0][0].shape == (62, 96, 3)


def test_truncated_video_keeps_what_can_be_decoded() -> None:
    whole = video(plain(60), Recipe("matroska"))

    data, done = redacted(whole[: len(whole) * 2 // 3])

    assert 10 < done.frames < 60
    assert len(decoded(data)[0]) == done.frames


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x00\x20ftypisom",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile 'x'\n",
        b"\x1a\x45\xdf\xa3" + bytes(1000),
        b"RIFF\x00\x00\x00\x00AVI " + bytes(1000),
        (b"G" + bytes(187)) * 50,
    ],
    ids=["empty", "cut", "playlist", "concatenation", "mkv", "avi", "ts"],
)
def test_what_is_no_video_is_refused_and_nothing_is_written(data: bytes) -> None:
    target = BytesIO()

    with pytest.raises(VideoError):
        vision().redact_video(BytesIO(data), target, BytesIO(), VideoOptions())

    assert target.getvalue() == b""


@pytest.mark.parametrize(
    "limits",
    [Limits(bytes_max=100), Limits(pixels_max=100), Limits(frames_max=5), Limits(seconds_max=0.1)],
)
def test_what_exceeds_a_limit_is_refused(limits: Limits) -> None:
    with pytest.raises(VideoSizeError):
        redacted(video(plain(10)), limits=limits)


def test_sound_is_dropped_unless_it_is_asked_for() -> None:
    made = video(plain(30), Recipe(sound=True))

    data, done = redacted(made)

    assert done.probe.sound == "aac"
    with pytest.raises(KeyError):
        loudness(data, 0, 1)


def test_sound_is_kept_and_muted_in_spans() -> None:
    made = video(plain(30), Recipe(sound=True))

    kept, _ = redacted(made, VideoOptions(sound=SoundOptions(SoundKind.KEEP)))
    muted, _ = redacted(made, VideoOptions(sound=MUTED))

    assert loudness(kept, 0.5, 0.7) == pytest.approx(loudness(made, 0.5, 0.7), rel=0.1)
    assert loudness(muted, 0.5, 0.7) < 0.001
    assert loudness(muted, 0.9, 1.1) > 0.2


def test_metadata_does_not_reach_the_output() -> None:
    secret = "SECRET-48.8584N"
    made = video(plain(5), Recipe(metadata=(("comment", secret), ("title", secret))))
    assert secret.encode() in made

    data, _ = redacted(made)

    assert secret.encode() not in data


@pytest.mark.parametrize(
    ("container", "dropped"),
    [("matroska", {"subtitle": 1, "attachment": 1, "video": 1}), ("mpegts", {"data": 1})],
)
def test_nothing_but_pictures_reaches_the_output(container: str, dropped: dict[str, int]) -> None:
    secret = "SECRET-48.8584N"
    made = beside(video(plain(20)), secret, container)
    assert secret.encode() in made

    data, done = redacted(made)

    assert done.probe.dropped == dropped
    assert secret.encode() not in data
    with av.open(BytesIO(data)) as left:
        assert [stream.type for stream in left.streams] == ["video"]
        assert left.chapters() == []
        assert "title" not in left.metadata


def wandering(stride: int = 8) -> Run:
    """A detector that sees a small face at every look, never where it saw one before."""
    places = count()

    def run(batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        height, width = batch.shape[2:]
        outputs: dict[str, NDArray[np.float32]] = {}
        for step in (8, 16, 32):
            cells = (height // step) * (width // step)
            score = np.zeros((1, cells, 1), np.float32)
            if step == stride:
                score[0, next(places) * 7 % cells] = 1
            outputs |= {f"cls_{step}": score, f"obj_{step}": score}
            outputs[f"bbox_{step}"] = np.zeros((1, cells, 4), np.float32)
            outputs[f"kps_{step}"] = np.zeros((1, cells, 10), np.float32)
        return outputs

    return run


def blind(batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """A CenterFace that sees nothing."""
    height, width = (side // 4 for side in batch.shape[2:])
    channels = {"537": 1, "538": 2, "539": 2, "540": 10}
    return {
        name: np.zeros((1, count, height, width), np.float32) for name, count in channels.items()
    }


def test_face_that_always_stays_fails_the_job_and_nothing_is_written() -> None:
    target = BytesIO()

    with pytest.raises(RedactionError):
        redact_video(
            BytesIO(video(plain(6, 320, 240))),
            target,
            BytesIO(),
            VideoOptions(),
            Detectors(wandering(), blind),
            threads=1,
            limits=DEFAULT,
            tell=lambda *_: None,
        )

    assert target.getvalue() == b""


def test_contact_sheet_shows_frames_before_and_after(walk: list[Pixels]) -> None:
    made = video(walk)
    target = BytesIO()
    done = vision().redact_video(BytesIO(made), target, BytesIO(), DROP)

    drawn = Image.open(BytesIO(contact_sheet(BytesIO(made), target, done)))

    assert drawn.format == "PNG"
    assert drawn.width > 3 * 2 * 320
    title_and_frame = drawn.height // 4
    before = np.asarray(drawn)[20 : title_and_frame - 8, 8:320]
    after = np.asarray(drawn)[20 : title_and_frame - 8, 332:640]
    assert (after.max(axis=2) < 32).mean() > (before.max(axis=2) < 32).mean() + 0.05
