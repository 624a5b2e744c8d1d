"""``consentry evaluate`` of pictures: detection, redaction, attributes, and the releases' gate."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consentry.cli.answer import Answer
from consentry.cli.layer import Folder
from consentry.cli.measuring import (
    FILE,
    Data,
    Demographics,
    Html,
    Images,
    Pairs,
    Record,
    ResumeFile,
    ResumeKey,
    answer,
    by_group,
    resuming,
    shown,
    track,
    write_record,
)
from consentry.cli.offline import Threads
from consentry.cli.places import layer_folder
from consentry.errors import ArgumentError

if TYPE_CHECKING:
    from consentry.evaluate.attributes import AttributeErrors
    from consentry.evaluate.detection import Detection
    from consentry.evaluate.report import Part


def detection(
    ctx: typer.Context,
    images: Images,
    boxes: Annotated[Path, typer.Option(**FILE, help="Boxes, in the format of WIDER FACE.")],
    demographics: Demographics = None,
    record: Record = None,
    html: Html = None,
    resume: ResumeFile = None,
    resume_key: ResumeKey = None,
    data: Data = "unnamed",
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure how much of the labelled faces redaction covers, and what else it covers."""
    from consentry.evaluate.detection import evaluate, redact_all
    from consentry.evaluate.labels import read_boxes, read_demographics
    from consentry.vision import Vision

    labels = read_boxes(boxes)
    perceived = {} if demographics is None else read_demographics(demographics, images.name)
    vision = Vision(layer_folder(layer), threads)
    vision.warm_up()
    shows = track(visible=not ctx.obj.as_json)
    digests = [model.digest for model in vision.redacting.values()]
    loads = [_load()]
    with resuming(resume, resume_key, digests, labels, perceived, images.resolve()) as resumed:
        found = evaluate(redact_all(vision, images, labels, perceived, shows, resumed))
    loads.append(_load())
    if record is not None:
        models = {role.value: model.digest for role, model in vision.redacting.items()}
        told = {"models": models, "threads": threads, "ms_at_loads": loads}
        figures = {**told, **found.document()}
        write_record(record, "detection", data, figures)
    return answer(found.document(), "Detection and coverage", _detected(found), html, data)


def _load() -> float:
    """Give how many processes wanted a processor in the last minute: what times depend on."""
    return round(os.getloadavg()[0], 1)


def _detected(found: "Detection") -> "list[Part]":
    covered, seen = (
        {f">= {least} px": each for least, each in rates.items()}
        for rates in (found.coverage, found.recall)
    )
    return [
        f"{found.faces} faces in {found.pictures} pictures; {found.withheld} withheld",
        *by_group("covered, by height", covered),
        *by_group("found, by height", seen),
        f"average precision {found.average_precision:.3f}",
        f"{found.false_masks_per_picture:.2f} false masks per picture, in "
        f"{found.pictures_without_faces} parts without a labelled face",
        f"{found.ms_per_picture} ms per picture, {found.ms_per_megapixel} ms per megapixel",
        *(
            part
            for kind, groups in found.coverage_by_group.items()
            for part in by_group(f"covered, by {kind}", groups)
        ),
    ]


def redaction(
    ctx: typer.Context,
    images: Images,
    pairs: Pairs,
    limit: Annotated[int, typer.Option(min=2, help="How many pictures to measure on.")] = 200,
    data: Data = "unnamed",
    record: Record = None,
    html: Html = None,
    resume: ResumeFile = None,
    resume_key: ResumeKey = None,
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure how often a masked face is still recognised as its original, by kind of mask."""
    from consentry.evaluate.labels import read_pairs
    from consentry.evaluate.plots import Whiskers
    from consentry.evaluate.redaction import evaluate
    from consentry.evaluate.report import Table
    from consentry.vision import Vision

    listed = [name for pair in read_pairs(pairs) for name in (pair.first, pair.second)]
    pictures = list(dict.fromkeys(listed))[:limit]
    vision = Vision(layer_folder(layer), threads)
    vision.warm_up()
    shows = track(visible=not ctx.obj.as_json)
    about = [model.digest for model in vision.models.values()], images.resolve()
    with resuming(resume, resume_key, "redaction", *about) as resumed:
        found = evaluate(vision, images, pictures, shows, resumed)
    if record is not None:
        write_record(record, "redaction", data, found.document())
    rows = [
        (
            name,
            *shown(kind.reidentified),
            f"{kind.chance:.4f}",
            "above chance" if kind.above_chance else "",
        )
        for name, kind in found.kinds.items()
    ]
    parts: list[Part] = [
        f"{found.pictures} pictures of {found.people} people; {found.withheld} withheld",
        f"recognised as their original, at an FMR of 1e-3 (cosine {found.threshold}):",
        Table(("mask", "share", "95 %", "faces", "by chance", ""), rows),
        Whiskers(
            "recognised as their original",
            {name: kind.reidentified for name, kind in found.kinds.items()},
        ),
    ]
    return answer(found.document(), "What masks leave of a face", parts, html, data)


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
    data: Data = "unnamed",
    record: Record = None,
    html: Html = None,
    resume: ResumeFile = None,
    resume_key: ResumeKey = None,
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Measure head pose, blur, noise and exposure on changes of known size, and masks on labels."""
    from consentry.evaluate.attributes import evaluate
    from consentry.vision import Role, Vision

    vision = Vision(layer_folder(layer), threads)
    vision.warm_up()
    shows = track(visible=not ctx.obj.as_json)
    about = vision.models[Role.DETECTOR].digest, images.resolve(), masks and masks.resolve()
    with resuming(resume, resume_key, "attributes", *about) as resumed:
        found = evaluate(vision, images, limit, masks, shows, resumed)
    if record is not None:
        write_record(record, "attributes", data, found.document())
    return answer(found.document(), "Face attributes", _described(found), html, data)


def _described(found: "AttributeErrors") -> "list[Part]":
    from consentry.evaluate.plots import Axis, Chart
    from consentry.evaluate.report import Table

    turned = [(f"roll, turned by {turn}", *each) for turn, each in found.roll_error.items()]
    mirrored = [
        ("yaw, mirrored", *found.yaw_mirror_error),
        ("pitch, mirrored", *found.pitch_mirror_error),
    ]
    means = [("yaw", *found.yaw_mean_and_deviation), ("pitch", *found.pitch_mean_and_deviation)]
    values = [
        *((f"blurred by {key} of 112 pixels", each) for key, each in found.blur.items()),
        *((f"noise of {key} greys", each) for key, each in found.noise.items()),
        *((f"exposure, light x {key}", each) for key, each in found.exposure.items()),
    ]
    return [
        f"{found.pictures} pictures; errors as median and 95th percentile, in degrees",
        Table(("what", "median", "95 %"), turned + mirrored),
        Table(("what", "mean", "deviation"), means),
        Table(("median value, 0 to 1", "of"), values),
        Chart(
            "Exposure as the light changes, median",
            Axis("light, times", 0.1, 10.0, log=True),
            Axis("exposure", 0.0, 1.0),
            {"exposure": list(found.exposure.items())},
        ),
        *(part for kind, answers in found.masks.items() for part in by_group(kind, answers)),
    ]


def gate(
    measured: Annotated[
        Path, typer.Argument(metavar="MEASURED", **FILE, help="What was measured now, as JSON.")
    ],
    baseline: Annotated[Path, typer.Option(**FILE, help="The same of the last release, as JSON.")],
    data: Data = "unnamed",
    html: Html = None,
) -> Answer:
    """Say no to a release that is worse than the last by more than noise, for all or any group."""
    from consentry.evaluate.gate import compare
    from consentry.evaluate.report import Table

    steps = compare(_read(baseline), _read(measured))
    worse = [step for step in steps if step.worse]
    rows = [
        (
            step.name,
            f"{step.before.share:.4f}",
            f"{step.now.share:.4f}" if step.now else "none",
            "worse" if step.worse else "",
        )
        for step in (steps if html else worse)
    ]
    parts: list[Part] = [
        f"{len(steps)} rates compared, {len(worse)} worse by more than noise",
        *([Table(("rate", "before", "now", ""), rows)] if rows else []),
    ]
    document = {"compared": len(steps), "worse": [step.name for step in worse]}
    return replace(answer(document, "A release against the last", parts, html, data), yes=not worse)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ArgumentError("a file of measurements is not JSON") from None
    if not isinstance(document, dict):
        raise ArgumentError("a file of measurements holds no document")
    return document
