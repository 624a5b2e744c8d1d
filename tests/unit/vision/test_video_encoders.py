"""Encoders of videos, and what they do to the process that uses them."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from tests.support.videos import plain, video

from consentry.vision.video import Codec, Limits, survey
from consentry.vision.video.encode import encode_part
from consentry.vision.video.planes import Planes


def _policies() -> set[int]:
    """How the threads of this process are scheduled."""
    threads = Path("/proc/self/task").iterdir()
    return {os.sched_getscheduler(int(thread.name)) for thread in threads}


@pytest.mark.parametrize("codec", Codec)
def test_no_encoder_goes_before_other_processes(codec: Codec) -> None:
    """Where root runs it, SVT-AV1 gives itself and its caller a real-time priority."""
    seen: list[set[int]] = []

    def frames() -> Iterator[tuple[int, Planes]]:
        for ticks in range(3):
            seen.append(_policies())
            yield ticks, Planes(np.full((96, 96), 128, np.uint8))  # 96 x 64 pixels in 4:2:0

    form = survey(BytesIO(video(plain(3))), Limits()).form
    part = encode_part(0, frames(), form, codec, threads=2)
    assert part.frames == 3
    assert [*seen, _policies()] == [{os.SCHED_OTHER}] * 4
