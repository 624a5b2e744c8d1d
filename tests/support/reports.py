"""What every report of a measurement has to keep to."""

import re
from collections.abc import Iterable
from pathlib import Path


def check_report(path: Path, people: Iterable[str] = (), plots: int = 1) -> None:
    """Check that a report has its plots, loads and runs nothing, and shows and names nobody."""
    html = path.read_text(encoding="utf-8")
    assert html.count("<svg") >= plots
    assert not re.search(r"<script|<img|<image|<link|<iframe|base64|(?:src|href)=", html)
    assert not any(person in html for person in people)
