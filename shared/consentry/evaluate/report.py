"""What was measured as a page for a browser: words, tables and plots in one file.

It loads nothing, runs nothing, and holds what the command printed: aggregates. Every text in it is
escaped, for names of groups come from files that somebody else wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from consentry import __version__
from consentry.evaluate.plots import Chart, Whiskers

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 2rem; }
h1 { font-size: 1.7rem; line-height: 1.2; }
figure { margin: 2rem 0; }
figcaption { font-style: italic; }
svg { max-width: 44rem; width: 100%; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #8886; }
footer { margin-top: 3rem; opacity: .7; }
"""


@dataclass(frozen=True)
class Table:
    """Rows under the names of their columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


Part = str | Table | Chart | Whiskers
"""A sentence, a table, or a plot."""


def page(title: str, data: str, parts: Sequence[Part]) -> str:
    """Lay out a report; ``data`` says in words on what was measured."""
    body = "\n".join(_part(part) for part in parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<p>Measured on: {escape(data)}.</p>\n{body}\n"
        f"<footer>Consentry {escape(__version__)}. Aggregates only: no picture, no template, and "
        "no answer for one person.</footer>\n</body>\n</html>\n"
    )


def _part(part: Part) -> str:
    match part:
        case str():
            return f"<p>{escape(part)}</p>"
        case Table():
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in part.columns)
            rows = "".join(
                "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
                for row in part.rows
            )
            return (
                f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
                f"<tbody>{rows}</tbody></table></div>"
            )
        case Chart() | Whiskers():
            return f"<figure>{part.svg()}<figcaption>{escape(part.title)}</figcaption></figure>"
