"""``consentry evaluate fairness``: how unequally errors fall on groups of people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consentry.cli.answer import Answer
from consentry.cli.layer import Folder
from consentry.cli.measuring import (
    FILE,
    Data,
    Demographics,
    Groups,
    Html,
    Images,
    Jobs,
    Record,
    ResumeFile,
    ResumeKey,
    TemplateWorth,
    answer,
    by_group,
    resuming,
    track,
    write_record,
)
from consentry.cli.offline import Threads
from consentry.cli.places import layer_folder
from consentry.errors import ArgumentError

if TYPE_CHECKING:
    from consentry.evaluate.fairness import Extent


def fairness(
    ctx: typer.Context,
    images: Images,
    pairs: Annotated[
        Path | None, typer.Option(**FILE, help="For verification: pairs, in the format of LFW.")
    ] = None,
    groups: Groups = None,
    boxes: Annotated[
        Path | None, typer.Option(**FILE, help="For redaction: boxes, in WIDER FACE's format.")
    ] = None,
    demographics: Demographics = None,
    profile: TemplateWorth = "accurate",
    data: Data = "unnamed",
    record: Record = None,
    html: Html = None,
    resume: ResumeFile = None,
    resume_key: ResumeKey = None,
    layer: Folder = None,
    threads: Threads = 2,
    jobs: Jobs = 2,
) -> Answer:
    """Measure how unequally errors fall on groups: the worst, and how far the best is from it.

    Give --pairs and --groups to compare verification, --boxes and --demographics for redaction.
    """
    from consentry.evaluate.detection import redact_all
    from consentry.evaluate.fairness import of_detection, of_verification
    from consentry.evaluate.labels import (
        read_boxes,
        read_demographics,
        read_groups,
        read_pairs,
    )
    from consentry.evaluate.listed import make_listed
    from consentry.evaluate.report import Part, Table
    from consentry.evaluate.templates import Makers
    from consentry.vision import TemplateProfile, Vision

    shows = track(visible=not ctx.obj.as_json)
    vision = Vision(layer_folder(layer), threads)
    if pairs and groups and not boxes:
        makers, known = Makers(layer_folder(layer), 1, jobs), read_pairs(pairs)
        worth = TemplateProfile(profile)
        version = vision.template_version(worth)
        with resuming(resume, resume_key, version, images.resolve()) as resumed:
            listed = make_listed(makers, images, known, shows, worth, resumed)
            found = of_verification(listed, known, read_groups(groups), worth)
    elif boxes and demographics and not pairs:
        perceived = read_demographics(demographics, images.name)
        labels, digests = read_boxes(boxes), [model.digest for model in vision.redacting.values()]
        with resuming(resume, resume_key, digests, labels, perceived, images.resolve()) as resumed:
            seen = redact_all(vision, images, labels, perceived, shows, resumed)
            found = of_detection([case for each in seen for case in each.cases])
    else:
        raise ArgumentError("give --pairs and --groups, or --boxes and --demographics")
    if record is not None:
        write_record(record, "fairness", data, found.document())
    parts: list[Part] = [f"errors {found.errors}; intervals are 95 %, by bootstrap"]
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


def _shown(extent: "Extent") -> tuple[str, str]:
    low, high = extent.interval
    return f"{extent.value:.3g}", f"{low:.3g} to {high:.3g}"
