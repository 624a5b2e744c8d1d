"""``consentry evaluate`` of pictures of known people: verification, its cohort, and quality."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consentry.cli.answer import Answer
from consentry.cli.layer import Folder
from consentry.cli.measuring import (
    Data,
    Groups,
    Html,
    Images,
    Jobs,
    Pairs,
    Record,
    ResumeFile,
    ResumeKey,
    TemplateWorth,
    answer,
    by_group,
    resuming,
    shown,
    track,
)
from consentry.cli.offline import Threads
from consentry.cli.places import layer_folder, write_whole

if TYPE_CHECKING:
    from consentry.evaluate.quality import Curves
    from consentry.evaluate.report import Part
    from consentry.evaluate.verification import Verification


def verification(
    ctx: typer.Context,
    images: Images,
    pairs: Pairs,
    groups: Groups = None,
    profile: TemplateWorth = "accurate",
    data: Data = "unnamed",
    record: Record = None,
    html: Html = None,
    resume: ResumeFile = None,
    resume_key: ResumeKey = None,
    layer: Folder = None,
    threads: Threads = 1,
    jobs: Jobs = 2,
) -> Answer:
    """Measure how often people are taken for each other, and not recognised.

    What --record writes is a calibration, by which confidences are told.
    """
    from consentry.evaluate.labels import read_groups, read_pairs
    from consentry.evaluate.listed import make_listed
    from consentry.evaluate.record import verification_record
    from consentry.evaluate.templates import Makers
    from consentry.evaluate.verification import evaluate
    from consentry.vision import TemplateProfile, Vision

    known, worth = read_pairs(pairs), TemplateProfile(profile)
    makers = Makers(layer_folder(layer), threads, jobs)
    version = Vision(makers.layer, threads).template_version(worth)
    shows = track(visible=not ctx.obj.as_json)
    with resuming(resume, resume_key, version, images.resolve()) as resumed:
        listed = make_listed(makers, images, known, shows, worth, resumed)
        found = evaluate(listed, known, read_groups(groups or []), worth, version)
    if record is not None:
        write_whole(record, verification_record(found, data).encode())
    return answer(found.document(), f"Verification, profile {profile}", _told(found), html, data)


def _told(found: "Verification") -> "list[Part]":
    from consentry.evaluate.plots import Axis, Chart
    from consentry.evaluate.report import Table
    from consentry.evaluate.verification import GROUP_FMR

    rows = [
        (
            fmr,
            f"{each.threshold.similarity:.4f}",
            "{:.2g} to {:.2g}".format(*each.interval) + ("" if each.threshold.is_backed else " !"),
            *shown(each.fnmr),
        )
        for fmr, each in found.operating.items()
    ]
    fmrs = Axis("false match rate", 1e-6, 1.0, log=True)
    return [
        f"{found.pictures} pictures of {found.people} people, {found.pairs} pairs; "
        f"no face found in {found.failures_to_detect} pictures",
        f"accuracy {found.accuracy:.4f} (deviation over folds {found.accuracy_deviation:.4f}); "
        f"{found.cpu_ms_per_picture} ms of one processor per picture",
        f"thresholds from {found.impostor_pairs} pairs of different people "
        "(! marks rates that fewer than 30 of them decide):",
        Table(("FMR", "similarity", "95 %", "FNMR", "95 %", "pairs"), rows),
        Chart(
            "DET curve: how many of the same people are refused",
            fmrs,
            Axis("false non-match rate", 1e-4, 1.0, log=True),
            {found.profile: [(fmr, fnmr) for _, fmr, fnmr in found.det]},
        ),
        Chart(
            "ROC curve: how many of the same people are recognised",
            fmrs,
            Axis("recognised", 0.8, 1.0),
            {found.profile: [(fmr, 1 - fnmr) for _, fmr, fnmr in found.det]},
        ),
        *by_group(f"FNMR at {GROUP_FMR}", found.fnmr_by_group),
        *by_group(f"FMR at {GROUP_FMR}", found.fmr_by_groups),
        *_discarded("listed pairs", found.discard),
    ]


def cohort(
    ctx: typer.Context,
    images: Images,
    pairs: Pairs,
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
    shows = track(visible=not ctx.obj.as_json)
    found = measure_cohort(vision, images, pictures, data, shows)
    write_whole(record, found.document().encode())
    return Answer(
        {"people": found.people}, [f"the mean of {found.people} people is in {record.name}"]
    )


def quality(
    ctx: typer.Context,
    images: Images,
    pairs: Pairs,
    data: Data = "unnamed",
    record: Record = None,
    html: Html = None,
    resume: ResumeFile = None,
    resume_key: ResumeKey = None,
    layer: Folder = None,
    threads: Threads = 1,
    jobs: Jobs = 2,
) -> Answer:
    """Measure how many failed comparisons go if the pictures of the worst quality are refused."""
    from consentry.evaluate.labels import read_pairs
    from consentry.evaluate.listed import make_listed
    from consentry.evaluate.quality import evaluate
    from consentry.evaluate.record import quality_record
    from consentry.evaluate.templates import Makers
    from consentry.vision import Role, Vision

    known, makers = read_pairs(pairs), Makers(layer_folder(layer), threads, jobs)
    vision = Vision(makers.layer, threads)
    shows = track(visible=not ctx.obj.as_json)
    with resuming(resume, resume_key, vision.template_version(), images.resolve()) as resumed:
        listed = make_listed(makers, images, known, shows, resume=resumed)
        genuine = listed.places([pair for pair in known if pair.same])
        found = evaluate(listed, genuine, vision.models[Role.EMBEDDER].source)
    if record is not None:
        write_whole(record, quality_record(found, data).encode())
    parts: list[Part] = [
        f"{found.pictures} pictures of {found.people} people; "
        f"no face found in {found.failures_to_detect} pictures",
        *_discarded("listed pairs", found.listed),
        *_discarded("pairs of every two pictures", found.every),
    ]
    return answer(found.document(), "Quality for recognition", parts, html, data)


def _discarded(name: str, curves: "Curves") -> "list[Part]":
    """Tell what leaving out the worst does: a table at one FMR, and the curves at all."""
    from consentry.evaluate.plots import Axis, Chart
    from consentry.evaluate.quality import DISCARDED, FMRS, LEVEL_FMR
    from consentry.evaluate.report import Table

    parts: list[Part] = []
    for what, curve in (("pictures", curves.by_picture), ("comparisons", curves.by_comparison)):
        rows = [
            (
                f"{each.discarded:g} of the {what}",
                f"{each.comparisons:.3f}",
                *shown(each.removed),
                f"{each.fnmr.share:.4f}",
            )
            for each in curve
            if each.fmr == LEVEL_FMR
        ]
        lines = {
            f"FMR {fmr}": [(each.discarded, each.fnmr.share) for each in curve if each.fmr == fmr]
            for fmr in FMRS
        }
        most = max((each.fnmr.share for each in curve if each.fnmr.cases), default=0.0)
        parts += [
            f"{curves.pairs} {name} of one person, the worst {what} left out, at {LEVEL_FMR}:",
            Table(("left out", "comparisons", "removed", "95 %", "failed", "FNMR left"), rows),
            Chart(
                f"Error versus discard: {name}, the worst {what} left out",
                Axis(f"share of the {what} left out", 0.0, DISCARDED[-1]),
                Axis.up_to("FNMR of the rest", most),
                lines,
            ),
        ]
    return [*parts, *by_group(f"FNMR at {LEVEL_FMR}, by the worse picture", curves.levels)]
