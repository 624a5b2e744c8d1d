"""Forms with files (multipart/form-data), kept in memory: a photograph never touches a disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from consentry.errors import ArgumentError, PayloadTooLargeError
from consentry.limits import FORM_MEMORY_BYTES_MAX, FORM_PARTS_MAX
from wire import Request

FORM_MEDIA_TYPE: Final = "multipart/form-data"


@dataclass(frozen=True)
class Form:
    """What a form holds, by name: texts, and contents of files."""

    texts: Mapping[str, str]
    files: Mapping[str, bytes]


def read_form(request: Request, limit: int) -> Form:
    """Read a form of at most ``limit`` bytes in which no name comes twice.

    Raises ArgumentError for anything else, and PayloadTooLargeError beyond a limit.
    """
    if request.media_type() != FORM_MEDIA_TYPE:
        raise ArgumentError(f"the body is {FORM_MEDIA_TYPE}")
    body = request.body(limit)
    _, options = parse_options_header(request.header("content-type"))
    parser = FormDataParser(
        stream_factory=_in_memory,
        max_form_memory_size=FORM_MEMORY_BYTES_MAX,
        max_form_parts=FORM_PARTS_MAX,
        silent=False,
    )
    try:
        _, texts, files = parser.parse(BytesIO(body), FORM_MEDIA_TYPE, len(body), options)
    except ValueError:
        raise ArgumentError("the body is not a well-formed form") from None
    except RequestEntityTooLarge:
        raise PayloadTooLargeError("the form has too many parts, or too long a text") from None
    names = [name for part in (texts, files) for name, _ in part.items(multi=True)]
    if len(names) > len(set(names)):
        raise ArgumentError("the form has two parts of one name")
    return Form(texts.to_dict(), {name: file.read() for name, file in files.items()})


def _in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    del total_content_length, content_type, filename, content_length
    return BytesIO()
