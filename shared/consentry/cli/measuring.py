"""What the commands of ``consentry evaluate`` have in common: options, tables, files, progress."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from consentry import __version__
from consentry.cli.answer import Answer, table
from consentry.cli.places import write_whole
from consentry.errors import ArgumentError

if TYPE_CHECKING:
    from consentry.evaluate.rates import Rate
    from consentry.evaluate.report import Part
    from consentry.evaluate.resume import Resume

_SMALL: Final = 1e-3  # below which four decimals say too little of a rate
FILE: Final = {"exists": True, "dir_okay": False}
Images = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="Folder of the data set's pictures.")
]
Pairs = Annotated[Path, typer.Option(**FILE, help="Pairs, in the format of LFW.")]
Groups = Annotated[
    list[Path] | None,
    typer.Option(**FILE, help="Pictures of a group, one a line; the file's name is its name."),
]
Demographics = Annotated[
    Path | None, typer.Option(**FILE, help="CSV: file, face (its index), what is perceived.")
]
Data = Annotated[str, typer.Option(help="What the pictures are, in words, for the record.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Processes that work.")]
TemplateWorth = Annotated[
    Literal["fast", "accurate"], typer.Option("--profile", help="How much a template is worth.")
]
Html = Annotated[
    Path | None, typer.Option(dir_okay=False, help="Write a report with plots to this file.")
]
ResumeFile = Annotated[
    Path | None,
    typer.Option(
        "--resume", dir_okay=False, help="Keep what is done here, sealed, and go on from it."
    ),
]
ResumeKey = Annotated[
    Path | None,
    typer.Option(dir_okay=False, help="File of the key of --resume; made if it is not there."),
]
Record = Annotated[Path | None, typer.Option(dir_okay=False, help="File to write the figures to.")]


def answer(
    document: Mapping[str, Any], title: str, parts: "Sequence[Part]", html: Path | None, data: str
) -> Answer:
    """Give what was measured for a program and a person, and as a report where that is asked for.

    A terminal shows the words and tables of the report, not its plots.
    """
    from consentry.evaluate.report import Table, page

    if html is not None:
        write_whole(html, page(title, data, parts).encode())
    lines = [
        table(*part.columns, rows=part.rows) if isinstance(part, Table) else part
        for part in parts
        if isinstance(part, str | Table)
    ]
    return Answer(document, lines)


def resuming(
    path: Path | None, key: Path | None, *about: object
) -> "AbstractContextManager[Resume | None]":
    """Open what an interrupted run left, if it is to go on; ``about`` is what that rests on."""
    from consentry.evaluate.resume import Resume, resume_key

    if path is None and key is None:
        return nullcontext()
    if path is None or key is None:
        raise ArgumentError("--resume takes --resume-key, a file kept elsewhere, and the reverse")
    return Resume(path, resume_key(key), "\n".join([__version__, *map(str, about)]))


def write_record(path: Path, command: str, data: str, figures: Mapping[str, Any]) -> None:
    """Write figures, and what measured them on what, to be compared line by line."""
    about = {"writtenBy": f"consentry evaluate {command} --record", "data": data}
    text = json.dumps({**figures, **about}, indent=2, sort_keys=True)
    write_whole(path, text.encode() + b"\n")


def shown(each: "Rate") -> tuple[str, str, int]:
    """Give a rate as columns: its share, its interval, and of how many cases."""
    low, high = map(_rounded, each.interval)
    return _rounded(each.share), f"{low} to {high}", each.cases


def _rounded(share: float) -> str:
    return f"{share:.2g}" if 0 < share < _SMALL else f"{share:.4f}"


def by_group(what: str, groups: Mapping[str, "Rate"]) -> "list[Part]":
    """Give the rates of groups as a table and a plot, or nothing where there are none."""
    from consentry.evaluate.plots import Whiskers
    from consentry.evaluate.report import Table

    if not groups:
        return []
    rows = [(name, *shown(each)) for name, each in groups.items()]
    return [Table(("group", what, "95 %", "cases"), rows), Whiskers(what, groups)]


def track(*, visible: bool) -> Callable[[Sequence[str]], Iterable[str]]:
    """Show how far it is, where somebody looks."""
    if not visible or not sys.stderr.isatty():
        return iter
    from rich.console import Console
    from rich.progress import track as bar

    console = Console(stderr=True)
    return lambda names: bar(names, "measuring", console=console, transient=True)
