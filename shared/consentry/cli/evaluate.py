"""``consentry evaluate``: error rates on a data set of the user's own, as aggregates."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.layer import Folder
from consentry.cli.offline import Threads
from consentry.cli.places import layer_folder, write_whole
from consentry.errors import ArgumentError

if TYPE_CHECKING:
    from consentry.evaluate.rates import Rate

Images = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="Folder of the data set's pictures.")
]
Data = Annotated[str, typer.Option(help="What the pictures are, in words, for the record.")]
_FILE = {"exists": True, "dir_okay": False}


def verification(
    ctx: typer.Context,
    images: Images,
    pairs: Annotated[Path, typer.Option(**_FILE, help="Pairs, in the format of LFW.")],
    groups: Annotated[
        list[Path] | None,
        typer.Option(**_FILE, help="Pictures of a group, one a line; the file's name is its name."),
    ] = None,
    profile: Annotated[
        Literal["fast", "accurate"], typer.Option(help="How much work a template is worth.")
    ] = "accurate",
    data: Data = "unnamed",
    record: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the figures to this file, as a calibration."),
    ] = None,
    layer: Folder = None,
    threads: Threads = 1,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes that work.")] = 2,
) -> Answer:
    """Measure how often people are taken for each other, and not recognised."""
    from consentry.evaluate.labels import read_groups, read_pairs
    from consentry.evaluate.record import verification_record
    from consentry.evaluate.templates import Makers
    from consentry.evaluate.verification import evaluate
    from consentry.vision import TemplateProfile

    listed, grouped = read_pairs(pairs), read_groups(groups or [])
    makers = Makers(layer_folder(layer), threads, jobs)
    track = _track(visible=not ctx.obj.as_json)
    found = evaluate(makers, images, listed, grouped, track, profile=TemplateProfile(profile))
    if record is not None:
        record.write_text(verification_record(found, data), encoding="utf-8")
    rows = [
        (
            fmr,
            f"{each.threshold.similarity:.4f}",
            "{:.2g} to {:.2g}".format(*each.interval) + ("" if each.threshold.is_backed else " !"),
            *_shown(each.fnmr),
        )
        for fmr, each in found.operating.items()
    ]
    by_group = _by_group(found.fnmr_by_group)
    return Answer(
        found.document(),
        [
            f"{found.pictures} pictures of {found.people} people, {found.pairs} pairs; "
            f"no face found in {found.failures_to_detect} pictures",
            f"accuracy {found.accuracy:.4f} (deviation over folds {found.accuracy_deviation:.4f}); "
            f"{found.cpu_ms_per_picture} ms of one processor per picture",
            f"thresholds from {found.impostor_pairs} pairs of different people "
            "(! marks rates that fewer than 30 of them decide):",
            table("FMR", "similarity", "95 %", "FNMR", "95 %", "pairs", rows=rows),
            *by_group,
        ],
    )


def cohort(
    ctx: typer.Context,
    images: Images,
    pairs: Annotated[Path, typer.Option(**_FILE, help="Pairs, in the format of LFW.")],
    record: Annotated[
        Path, typer.Option(dir_okay=False, help="Write the mean of the cohort to this file.")
    ],
    data: Data = "unnamed",
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure the middle of many people's faces, from which templates are taken."""
    from consentry.evaluate.cohort import measure_cohort
    from consentry.evaluate.labels import read_pairs
    from consentry.vision import Vision

    listed = read_pairs(pairs)
    pictures = sorted({picture for pair in listed for picture in (pair.first, pair.second)})
    vision = Vision(layer_folder(layer), threads)
    track = _track(visible=not ctx.obj.as_json)
    found = measure_cohort(vision, images, pictures, data, track)
    record.write_text(found.document(), encoding="utf-8")
    return Answer(
        {"people": found.people}, [f"the mean of {found.people} people is in {record.name}"]
    )


def detection(
    ctx: typer.Context,
    images: Images,
    boxes: Annotated[Path, typer.Option(**_FILE, help="Boxes, in the format of WIDER FACE.")],
    demographics: Annotated[
        Path | None, typer.Option(**_FILE, help="CSV: file, face (its index), what is perceived.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write the figures to, as JSON.")
    ] = None,
    data: Data = "",
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure how much of the labelled faces redaction covers, and what else it covers."""
    from consentry.evaluate.detection import evaluate
    from consentry.evaluate.labels import read_boxes, read_demographics
    from consentry.vision import Vision

    labels = read_boxes(boxes)
    perceived = {} if demographics is None else read_demographics(demographics, images.name)
    vision = Vision(layer_folder(layer), threads)
    vision.warm_up()
    found = evaluate(vision, images, labels, perceived, _track(visible=not ctx.obj.as_json))
    rows = [(f">= {least} px", *_shown(each)) for least, each in found.coverage.items()]
    rows_found = [(f">= {least} px", *_shown(each)) for least, each in found.recall.items()]
    groups = [line for each in found.coverage_by_group.values() for line in _by_group(each)]
    if record is not None:
        models = {role.value: model.digest for role, model in vision.redacting.items()}
        figures = {"models": models, "threads": threads, **found.document()}
        _write(record, "detection", data, figures)
    return Answer(
        found.document(),
        [
            f"{found.faces} faces in {found.pictures} pictures; {found.withheld} withheld",
            table("face", "covered", "95 %", "faces", rows=rows),
            table("face", "found", "95 %", "faces", rows=rows_found),
            f"average precision {found.average_precision:.3f}",
            f"{found.false_masks_per_picture:.2f} false masks per picture, in "
            f"{found.pictures_without_faces} parts without a labelled face",
            f"{found.ms_per_picture} ms per picture, {found.ms_per_megapixel} ms per megapixel",
            *groups,
        ],
    )


def redaction(
    ctx: typer.Context,
    images: Images,
    pairs: Annotated[
        Path, typer.Option(**_FILE, help="Pairs, in the format of LFW; they name the pictures.")
    ],
    limit: Annotated[int, typer.Option(min=2, help="How many pictures to measure on.")] = 200,
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure how often a masked face is still recognised as its original, by kind of mask."""
    from consentry.evaluate.labels import read_pairs
    from consentry.evaluate.redaction import evaluate
    from consentry.vision import Vision

    listed = [name for pair in read_pairs(pairs) for name in (pair.first, pair.second)]
    pictures = list(dict.fromkeys(listed))[:limit]
    vision = Vision(layer_folder(layer), threads)
    vision.warm_up()
    found = evaluate(vision, images, pictures, _track(visible=not ctx.obj.as_json))
    rows = [
        (
            name,
            *_shown(kind.reidentified),
            f"{kind.chance:.4f}",
            "above chance" if kind.above_chance else "",
        )
        for name, kind in found.kinds.items()
    ]
    return Answer(
        found.document(),
        [
            f"{found.pictures} pictures of {found.people} people; {found.withheld} withheld",
            f"recognised as their original, at an FMR of 1e-3 (cosine {found.threshold}):",
            table("mask", "share", "95 %", "faces", "by chance", "", rows=rows),
        ],
    )


def attributes(
    ctx: typer.Context,
    images: Images,
    masks: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder with images/ and annotations/ (Pascal VOC), faces with and without masks.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many pictures to measure on.")] = 200,
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure head pose, blur, noise and exposure on changes of known size, and masks on labels."""
    from consentry.evaluate.attributes import evaluate
    from consentry.vision import Vision

    vision = Vision(layer_folder(layer), threads)
    vision.warm_up()
    found = evaluate(vision, images, limit, masks, _track(visible=not ctx.obj.as_json))
    return Answer(
        found.document(),
        [
            f"{found.pictures} pictures; errors as median and 95th percentile, in degrees",
            table(
                "what", "median", "95 %",
                rows=[(f"roll, turned by {turn}", *each) for turn, each in found.roll_error.items()]
                + [
                    ("yaw, mirrored", *found.yaw_mirror_error),
                    ("pitch, mirrored", *found.pitch_mirror_error),
                ],
            ),
            table(
                "what", "mean", "deviation",
                rows=[
                    ("yaw", *found.yaw_mean_and_deviation),
                    ("pitch", *found.pitch_mean_and_deviation),
                ],
            ),
            table(
                "median value, 0 to 1", "of",
                rows=[(f"blurred by {key} of 112 pixels", each) for key, each in found.blur.items()]
                + [(f"noise of {key} greys", each) for key, each in found.noise.items()]
                + [(f"exposure, light x {key}", each) for key, each in found.exposure.items()],
            ),
            *(f"{kind}: {dict(answers)}" for kind, answers in found.masks.items()),
        ],
    )  # fmt: skip


def gate(
    measured: Annotated[
        Path, typer.Argument(metavar="MEASURED", **_FILE, help="What was measured now, as JSON.")
    ],
    baseline: Annotated[Path, typer.Option(**_FILE, help="The same of the last release, as JSON.")],
) -> Answer:
    """Say no to a release that is worse than the last by more than noise, for all or any group."""
    from consentry.evaluate.gate import compare

    steps = compare(_read(baseline), _read(measured))
    worse = [step for step in steps if step.worse]
    rows = [
        (step.name, f"{step.before.share:.4f}", f"{step.now.share:.4f}" if step.now else "none")
        for step in worse
    ]
    return Answer(
        {"compared": len(steps), "worse": [step.name for step in worse]},
        [
            f"{len(steps)} rates compared, {len(worse)} worse by more than noise",
            *([table("rate", "before", "now", rows=rows)] if rows else []),
        ],
        yes=not worse,
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ArgumentError("a file of measurements is not JSON") from None
    if not isinstance(document, dict):
        raise ArgumentError("a file of measurements holds no document")
    return document


def _write(path: Path, command: str, data: str, figures: Mapping[str, Any]) -> None:
    """Write figures, and what measured them on what, to be compared line by line."""
    about = {"writtenBy": f"consentry evaluate {command} --record", "data": data}
    text = json.dumps({**figures, **about}, indent=2, sort_keys=True)
    write_whole(path, text.encode() + b"\n")


def _shown(each: "Rate") -> tuple[str, str, int]:
    low, high = each.interval
    return f"{each.share:.4f}", f"{low:.4f} to {high:.4f}", each.cases


def _by_group(groups: Mapping[str, "Rate"]) -> list[str]:
    rows = [(name, *_shown(each)) for name, each in groups.items()]
    return [table("group", "share", "95 %", "cases", rows=rows)] if rows else []


def _track(*, visible: bool) -> Callable[[Sequence[str]], Iterable[str]]:
    """Show how far it is, where somebody looks."""
    if not visible or not sys.stderr.isatty():
        return iter
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return lambda names: track(names, "measuring", console=console, transient=True)
