"""What a command gives back, and how it and an error are shown to a person or a program."""

import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

from consentry.cli.places import TRACE_VARIABLE
from consentry.errors import (
    ArgumentError,
    AuthenticationError,
    ConflictError,
    ConsentRequiredError,
    ConsentryError,
    InputError,
    IntegrityError,
    LayerError,
    LocalStackError,
    NotApprovedError,
    PictureError,
    RateLimitedError,
    RedactionError,
    RefusedError,
    SettingsError,
    StateError,
    StorageError,
    SubjectMismatchError,
    UploadAbandonedError,
    VideoError,
)

DONE: Final = 0
NO: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
BAD_INPUT: Final = 4
UNAVAILABLE: Final = 5
BUG: Final = 70

# First match wins, so kinds stand before the class they belong to.
_EXIT_CODES: Final = (
    (RefusedError, REFUSED),
    (InputError, BAD_INPUT),
    (RedactionError, NO),
    (IntegrityError, NO),
    (ConsentryError, UNAVAILABLE),
)
_CURES: Final[tuple[tuple[type[ConsentryError], str], ...]] = (
    (
        AuthenticationError,
        "Give a key (`consentry keys create`) or a token that is known and in time.",
    ),
    (
        ConsentRequiredError,
        "Name a consent in force: `consentry consent list`; `consentry consent give` makes one.",
    ),
    (
        SubjectMismatchError,
        "Detect both faces again, under the consent of the person whom both should show.",
    ),
    (
        NotApprovedError,
        "See what is approved: `consentry access list`; then `consentry access apply`.",
    ),
    (RateLimitedError, "Wait a minute; your approval says how many calls it allows in one."),
    (
        RefusedError,
        "No setting lifts this: it takes time or another person, or the service does not do it.",
    ),
    (PictureError, "Give a whole JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF within the limits."),
    (
        VideoError,
        "Give a whole MP4, MOV, MKV, WebM, AVI or TS with H.264, HEVC, VP9, AV1, MPEG-4 or MJPEG.",
    ),
    (StateError, "See how things stand: `consentry access show`, `keys list`, `video show`."),
    (ArgumentError, "`--help` of the command shows what it takes, with an example."),
    (InputError, "Check the name, the size and the content of what was given."),
    (RedactionError, "Nothing was written. Try `--kind solid --shape rectangle`."),
    (IntegrityError, "Treat the file as changed; fetch it again from its source and compare."),
    (LayerError, "Build the model layer again: `consentry layer build`."),
    (SettingsError, "`consentry doctor` names every wrong setting."),
    (LocalStackError, "`make setup` installs the local stack; `make dev` starts it."),
    (ConflictError, "Somebody else changed it meanwhile; look again, then try again."),
    (UploadAbandonedError, "Upload it again; tell whoever runs the service if that fails too."),
    (StorageError, "Is it running? `make dev` starts the local stack; then try again."),
)


@dataclass(frozen=True)
class Answer:
    """A command's result: a document for programs, lines for people, and whether it is a yes."""

    document: Mapping[str, Any]
    text: Sequence[str] = ()
    yes: bool = True


@dataclass(frozen=True)
class Output:
    """Where answers and errors go, and in which of the two forms."""

    as_json: bool
    out: TextIO
    err: TextIO

    @classmethod
    def standard(cls, *, as_json: bool) -> "Output":
        """The process's own standard output and error."""
        return cls(as_json, sys.stdout, sys.stderr)

    def show(self, answer: Answer) -> int:
        """Print an answer; give the exit code it means."""
        if self.as_json:
            self._print_json(answer.document)
        else:
            _print(answer.text, self.out)
        return DONE if answer.yes else NO

    def fail(self, error: ConsentryError) -> int:
        """Print an error by code, sentence and cure; give its exit code."""
        self._fault(error.code, str(error), cure(error))
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))

    def misuse(self, message: str) -> int:
        """Print what is wrong with the command line."""
        self._fault("Usage", message, "`consentry --help` lists the commands.")
        return USAGE

    def bug(self, error: Exception) -> int:
        """Print a short word about an error of ours, or all of it if that was asked for."""
        if os.environ.get(TRACE_VARIABLE):
            traceback.print_exception(error, file=self.err)
        self._fault(
            ConsentryError.code,
            "This is a bug in Consentry.",
            f"Run it again with {TRACE_VARIABLE}=1 to see where, and report that.",
        )
        return BUG

    def _fault(self, code: str, message: str, remedy: str) -> None:
        if self.as_json:
            self._print_json({"error": {"code": code, "message": message, "cure": remedy}})
        else:
            _print([f"{code}: {message}", f"  {remedy}"], self.err)

    def _print_json(self, document: object) -> None:
        json.dump(document, self.out, indent=2, ensure_ascii=False)
        self.out.write("\n")
        self.out.flush()


def cure(error: ConsentryError) -> str:
    """Say what a person can do about an error."""
    return next((text for kind, text in _CURES if isinstance(error, kind)), "")


def table(*columns: str, rows: Sequence[Sequence[object]]) -> str:
    """Lay out a plain table that a terminal, a file and a pipe show alike."""
    cells = [list(columns), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return "\n".join(lines)


def _print(lines: Sequence[str], stream: TextIO) -> None:
    stream.writelines(f"{line}\n" for line in lines)
    stream.flush()
