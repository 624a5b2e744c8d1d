"""Memory of a 1080p redaction against the length of the video: `make bench-memory`.

A clip of a crowd, made from the sample photograph, is repeated by copying its packets to videos of
1, 3 and 10 minutes, and each is redacted by the command in a process of its own. What is told is
the largest resident set that the operating system saw of that process. So that it takes minutes,
the clip has one frame a second: 60, 180 and 600 frames. ``--rate 30`` is what a camera gives.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import av
from bench_video import CLIP_SECONDS, consentry, street
from rich.console import Console

WIDTH, HEIGHT = 1920, 1080
MINUTES = (1.0, 3.0, 10.0)
MEBIBYTE = 1024 * 1024

console = Console(highlight=False, width=110)


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description="Memory of a redaction, by length.")
    arguments.add_argument("--minutes", type=float, nargs="+", default=MINUTES)
    arguments.add_argument("--rate", type=int, default=1, help="frames a second")
    arguments.add_argument("--threads", type=int, default=2)
    options = arguments.parse_args()
    console.print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="consentry-bench-") as folder:
        clip = street(Path(folder), WIDTH, HEIGHT, options.rate)
        for minutes in options.minutes:
            video = Path(folder) / "long.mp4"
            frames = repeat(clip, video, max(round(minutes * 60 / CLIP_SECONDS), 1))
            target = Path(folder) / "redacted.mp4"
            seconds, peak = run([*consentry(options.threads), str(video), str(target)])
            console.print(
                f"{minutes:g} minutes, {frames} frames: peak {peak / MEBIBYTE:.0f} MiB,"
                f" {frames / seconds:.1f} frames/s, load {os.getloadavg()[0]:.1f}"
            )
    return 0


def repeat(clip: Path, target: Path, times: int) -> int:
    """Copy a clip's packets one after the other, so often; give the number of frames."""
    frames = 0
    with av.open(str(clip)) as source, av.open(str(target), "w") as result:
        pictures = source.streams.video[0]
        copied = result.add_stream_from_template(pictures, opaque=True)
        length = pictures.duration or 0
        for turn in range(times):
            source.seek(0)
            for packet in source.demux(pictures):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += turn * length
                packet.dts += turn * length
                packet.stream = copied
                result.mux(packet)
                frames += 1
    return frames


def run(words: list[str]) -> tuple[float, int]:
    """Run a command; give its seconds and the largest resident set in bytes."""
    started = time.perf_counter()
    child = os.posix_spawn(words[0], words, os.environ)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit("the redaction failed")
    return time.perf_counter() - started, used.ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
