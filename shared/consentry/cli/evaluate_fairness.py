"""``consentry evaluate fairness``: how unequally errors fall on groups of people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consentry.cli.answer import Answer
from consentry.cli.layer import Folder
from consentry.cli.measuring import (
    FILE,
    Data,
    Html,
    Images,
    Jobs,
    Record,
    answer,
    by_group,
    track,
    write_record,
)
from consentry.cli.offline import Threads
from consentry.cli.places import layer_folder
from consentry.errors import ArgumentError

if TYPE_CHECKING:
    from consentry.evaluate.fairness import Extent, Fairness
    from consentry.evaluate.track import Track


def fairness(
    ctx: typer.Context,
    images: Images,
    pairs: Annotated[
        Path | None, typer.Option(**FILE, help="For verification: pairs, in the format of LFW.")
    ] = None,
    groups: Annotated[
        list[Path] | None,
        typer.Option(**FILE, help="Pictures of a group, one a line; the file's name is its name."),
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(**FILE, help="For redaction: boxes, in WIDER FACE's format.")
    ] = None,
    demographics: Annotated[
        Path | None, typer.Option(**FILE, help="CSV: file, face (its index), what is perceived.")
    ] = None,
    data: Data = "unnamed",
    record: Record = None,
    html: Html = None,
    layer: Folder = None,
    threads: Threads = 2,
    jobs: Jobs = 2,
) -> Answer:
    """Measure how unequally errors fall on groups: the worst, and how far the best is from it.

    Give --pairs and --groups to compare verification, --boxes and --demographics for redaction.
    """
    from consentry.evaluate.report import Part, Table

    shows = track(visible=not ctx.obj.as_json)
    folder = layer_folder(layer)
    if pairs and groups and not boxes:
        found = _verification(folder, images, pairs, groups, shows, threads=1, jobs=jobs)
    elif boxes and demographics and not pairs:
        found = _redaction(folder, images, boxes, demographics, shows, threads=threads)
    else:
        raise ArgumentError("give --pairs and --groups, or --boxes and --demographics")
    if record is not None:
        write_record(record, "fairness", data, found.document())
    parts: list[Part] = [f"errors: {found.errors}; intervals are 95 %, by bootstrap"]
    for of, each in found.disparities.items():
        few = ", ".join(each.few)
        rows = [
            ("difference, worst less best", *_shown(each.difference)),
            ("ratio, best to worst", *_shown(each.ratio)),
        ]
        parts += [
            f"{of}: the worst is {each.worst}" + (f"; few cases: {few}" if few else ""),
            *by_group(of, each.groups),
            Table(("disparity", "", "95 %"), rows),
        ]
    return answer(found.document(), "Fairness", parts, html, data)


def _verification(
    folder: Path,
    images: Path,
    pairs: Path,
    groups: list[Path],
    shows: "Track",
    *,
    threads: int,
    jobs: int,
) -> "Fairness":
    from consentry.evaluate.fairness import of_verification
    from consentry.evaluate.labels import read_groups, read_pairs
    from consentry.evaluate.listed import make_listed
    from consentry.evaluate.templates import Makers
    from consentry.vision import TemplateProfile

    known = read_pairs(pairs)
    makers = Makers(folder, threads, jobs)
    listed = make_listed(makers, images, known, shows, TemplateProfile.ACCURATE)
    return of_verification(listed, known, read_groups(groups))


def _redaction(
    folder: Path, images: Path, boxes: Path, demographics: Path, shows: "Track", *, threads: int
) -> "Fairness":
    from consentry.evaluate.detection import redact_all
    from consentry.evaluate.fairness import of_detection
    from consentry.evaluate.labels import read_boxes, read_demographics
    from consentry.vision import Vision

    perceived = read_demographics(demographics, images.name)
    tally = redact_all(Vision(folder, threads), images, read_boxes(boxes), perceived, shows)
    return of_detection(tally.cases)


def _shown(extent: "Extent") -> tuple[str, str]:
    low, high = extent.interval
    return f"{extent.value:.3g}", f"{low:.3g} to {high:.3g}"
