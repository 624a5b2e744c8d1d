"""The transparency document as a page: no script, nothing from elsewhere, readable by all."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --accent: #0b6e4f; }
@media (prefers-color-scheme: dark) { :root { --accent: #5fd3ab; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1.0625rem/1.6 system-ui, sans-serif; }
main, header, footer { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem; }
header { padding-top: 3rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .75rem; padding-top: .75rem;
  border-top: 2px solid var(--accent); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; }
li { margin: .35rem 0; }
.warning { border-left: .3rem solid var(--accent); background: var(--soft); padding: .75rem 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
caption { text-align: left; padding: .25rem 0; font-style: italic; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0;
  border-bottom: 1px solid var(--line); }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; }
"""

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Lets a browser apply this style and load nothing else, whatever the page says."""

RATES: Final[Mapping[str, str]] = {
    "coverage_detail": "labelled faces that were covered, by least height in pixels",
    "recall": "labelled faces that were found, by least height in pixels",
    "coverage_by_group": "labelled faces that were covered, by what annotators perceived",
    "fnmr_by_group": "people who were not recognised, by group",
    "fmr_by_groups": "people who were taken for others, by both people's groups",
    "fnmr_by_level": "people who were not recognised, by the quality of the worse picture",
    "error_by_group": "errors, by group",
    "kinds": "masked people whom the embedder still took for themselves, by kind of mask",
}
"""What the rates of the measuring commands are of."""

_SECTIONS: Final = (
    ("does", "What it does"),
    ("does-not", "What it does not do"),
    ("uses", "What it may be used for"),
    ("refused", "What is refused"),
    ("rules", "Rules of every decision"),
    ("models", "Models"),
    ("rates", "How often it errs"),
    ("retention", "How long things are kept"),
    ("contact", "Whom to ask"),
)


def page(document: Mapping[str, Any]) -> str:
    """Render the document, with every value escaped."""
    policy, thresholds = document["policy"], document["thresholds"]
    parts = {
        "does": _items(document["does"].values()),
        "does-not": f'<div class="warning">{_items(document["doesNot"])}</div>',
        "uses": _table("Uses that can be approved, one tenant at a time", policy["approvableUses"]),
        "refused": _table("Uses that nobody can approve", policy["refusedUses"])
        + _table("Rules by which an application is refused", policy["refusals"]),
        "rules": _table(
            "What an approval has to keep to",
            [{"capability": name, **row} for name, row in thresholds["requirements"].items()],
        )
        + _facts(
            "Where the decision says nothing else",
            {
                "days of an approval at most": thresholds["approvalDaysMax"],
                "false match rate of verifications": thresholds["falseMatchRateUnlessDecided"],
                **thresholds.get("defaultTerms", {}),
            },
        )
        + _facts("When verifications count as a search", thresholds.get("tripwire", {})),
        "models": _table("All models that this version can load", document["models"]),
        "rates": "".join(map(_measurement, document["measurements"]))
        or "<p>No figures were recorded for this version.</p>",
        "retention": _facts("Days in storage at most", document["retention"]["days"])
        + _facts(
            "Seconds that other things live",
            {name: value for name, value in document["retention"].items() if name != "days"},
        ),
        "contact": f"<p>{_contact(document['contact'])}</p>",
    }
    sections = "".join(
        f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>{parts[key]}</section>'
        for key, title in _SECTIONS
    )
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title in _SECTIONS)
    name, version = document["service"]["name"], document["service"]["version"]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>What {escape(name)} does with faces</title><style>{STYLE}</style></head><body>"
        '<a class="skip" href="#does">To the content</a>'
        f"<header><h1>What {escape(name)} does with faces</h1>"
        f"<p>Version {escape(version)}, used in {escape(document['jurisdiction'])}, under policy "
        f"{policy['version']} (<code>{escape(policy['digest'])}</code>), in effect since "
        f"{escape(policy['takesEffect'][:10])}.</p>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>{sections}</main>'
        f"<footer><p>As of {escape(document['asOf'])}. The same as data: "
        '<a href="?format=json">JSON</a>.</p></footer></body></html>'
    )


def _items(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def _table(caption: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Make a table whose columns are the keys of its rows, in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    head = "".join(f'<th scope="col">{escape(_words(column))}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_value(row.get(column))}</td>" for column in columns) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _facts(caption: str, facts: Mapping[str, Any]) -> str:
    """Make a table of names and values."""
    rows = "".join(
        f'<tr><th scope="row">{escape(_words(name))}</th><td>{_value(value)}</td></tr>'
        for name, value in facts.items()
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><tbody>{rows}</tbody>'
        "</table></div>"
        if rows
        else ""
    )


def _measurement(found: Mapping[str, Any]) -> str:
    told = [
        {**row, "rate": RATES.get(row["rate"], row["rate"])} if "rate" in row else row
        for row in found["rows"]
    ]
    rows = _table("Rates; a range is a 95 % interval", told) if told else ""
    return (
        f"<h3>{escape(_words(found['name']).capitalize())}</h3>"
        f"<p>Written by <code>{escape(found['writtenBy'])}</code>; SHA-256 of the file "
        f"<code>{found['sha256']}</code>.</p>{_facts('The measurement', found['facts'])}{rows}"
    )


def _contact(contact: str) -> str:
    """Link what can be linked; anything else stays text."""
    if contact.startswith("https://"):
        return f'<a href="{escape(contact)}">{escape(contact)}</a>'
    if "@" in contact:
        return f'<a href="mailto:{escape(contact)}">{escape(contact)}</a>'
    return escape(contact)


def _words(name: str) -> str:
    """Read ``fmr_interval`` and ``sourceSha256`` as words."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).replace("_", " ")


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case int():
            return f"{value:,}"
        case dict():
            return escape(", ".join(f"{_words(key)} {found}" for key, found in value.items()))
        case [int() | float() as low, int() | float() as high]:
            return f"{low:.4g} to {high:.4g}"
        case list() | tuple():
            return escape(", ".join(map(str, value)))
    text = escape(str(value))
    return f"<code>{text}</code>" if len(text) == hashlib.sha256().digest_size * 2 else text
