"""``consentry calibrate``: how often the service takes a tenant's own people for each other."""

import csv
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.measuring import track
from consentry.cli.offline import read_picture
from consentry.cli.remote import Endpoint, Key
from consentry.errors import ArgumentError, FaceNotFoundError, RateLimitedError, RefusedError
from consentry.limits import CALIBRATION_FACES_MAX

if TYPE_CHECKING:
    from consentry.cli.client import Service

_COLUMNS: Final = {"consent", "probe", "reference"}


def calibrate(
    ctx: typer.Context,
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            exists=True,
            dir_okay=False,
            help="CSV with the columns consent, probe and reference, a line for each person: the "
            "receipt, and one or two pictures, named from the file's folder.",
        ),
    ],
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Measure on your own consenting people how often two of them are taken for one.

    It takes 400 people or more, and is answered once in 90 days, by rates with noise, so that no
    answer tells whether two of them are alike. Verifications tell the rates from then on, and their
    threshold rises where your people are taken for each other more often than others.
    """
    from consentry.cli import local
    from consentry.cli.client import connect

    shown = _read(pairs)
    with connect(endpoint, key) as service:
        last = service.calibration()
        if last is not None and local.now() < datetime.fromisoformat(last["nextFrom"]):
            raise RefusedError(
                f"your tenant calibrated lately; the next one may be from {last['nextFrom']}",
                reason="calibrated_lately",
            )
        found, missed = list[str](), 0
        for picture in track(visible=not ctx.obj.as_json)(list(shown)):
            try:
                found.append(_face_id(service, pairs.parent / picture, shown[picture]))
            except FaceNotFoundError:
                missed += 1
        told = service.calibrate(found)
    return Answer(dict(told) | {"picturesWithoutFace": missed}, _lines(told, missed))


def _read(path: Path) -> dict[str, str]:
    """Give the receipt of every picture; ArgumentError for a file of another form."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, ValueError, csv.Error):
        raise ArgumentError("the pairs are not a CSV file") from None
    if not rows or any(set(row) != _COLUMNS or None in row.values() for row in rows):
        raise ArgumentError("the pairs have the columns consent, probe and reference")
    named = [
        (row[name], row["consent"]) for row in rows for name in ("probe", "reference") if row[name]
    ]
    shown = dict(named)
    if len(shown) < len(named):
        raise ArgumentError("a picture is named once")
    if len(shown) > CALIBRATION_FACES_MAX:
        raise ArgumentError(f"a calibration takes {CALIBRATION_FACES_MAX:,} pictures at most")
    return shown


def _face_id(service: "Service", picture: Path, consent: str) -> str:
    """Have a template made, waiting for the next minute where the calls of this one are used up."""
    data = read_picture(picture)
    while True:
        try:
            return service.face_id(data, consent)
        except RateLimitedError as error:
            time.sleep(error.retry_after)


def _lines(told: Mapping[str, Any], missed: int) -> list[str]:
    rows = [
        (f"false matches where others have {each['shippedRate']:g}", *_rate(each))
        for each in told["falseMatches"]
    ]
    if told["falseNonMatches"]:
        rows.append(("false non-matches at your approval's rate", *_rate(told["falseNonMatches"])))
    return [
        f"{told['people']} people, {told['impostorPairs']} pairs of different people, "
        f"{told['genuinePairs']} of one; no face found in {missed} pictures",
        table("what", "share", "95 %", "", rows=rows),
        f"The next calibration may be from {told['nextFrom']}.",
    ]


def _rate(each: Mapping[str, Any]) -> tuple[str, str, str]:
    low, high = each["interval"]
    backed = "" if each["isBacked"] else "not backed"
    return f"{each['share']:.2g}", f"{low:.2g} to {high:.2g}", backed
