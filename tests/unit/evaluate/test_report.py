"""Reports for a browser: whole in themselves, escaped, and drawn where the figures say."""

import re
from math import nan

import pytest

from consentry.evaluate.plots import Axis, Chart, Whiskers
from consentry.evaluate.rates import Rate
from consentry.evaluate.report import Table, page

HOSTILE = '<script>alert("1")</script> & more'


def drawn(svg: str, tag: str) -> list[dict[str, str]]:
    """The attributes of the elements of one kind in a plot."""
    return [
        dict(re.findall(r'([\w-]+)="([^"]*)"', one)) for one in re.findall(f"<{tag} (.*?)/>", svg)
    ]


def test_page_escapes_whatever_names_it_is_given_and_loads_nothing() -> None:
    chart = Chart(HOSTILE, Axis(HOSTILE, 0, 1), Axis("y", 0, 1), {HOSTILE: [(0, 0), (1, 1)]})
    whiskers = Whiskers(HOSTILE, {HOSTILE: Rate(0.5, 4, (0.1, 0.9))})
    table = Table((HOSTILE,), [(HOSTILE,), (1.5,)])

    html = page(HOSTILE, HOSTILE, [HOSTILE, table, chart, whiskers])

    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 8
    assert re.findall(r"(?:src|href)=", html) == []
    assert set(re.findall(r"https?://[^\"]+", html)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in html.replace("&#x27;", "'")


def test_points_lie_where_the_axes_say() -> None:
    x, y = Axis("x", 1e-4, 1.0, log=True), Axis("y", 0.0, 1.0)
    chart = Chart("c", x, y, {"line": [(1e-4, 0.0), (1e-2, 0.5), (1.0, 1.0), (nan, 0.3)]})
    (line,) = drawn(chart.svg(), "polyline")
    left, middle, right = (tuple(map(float, point.split(","))) for point in line["points"].split())
    assert middle == pytest.approx(((left[0] + right[0]) / 2, (left[1] + right[1]) / 2))
    assert left[0] < right[0]
    assert left[1] > right[1]


def test_what_lies_beyond_an_axis_is_drawn_at_its_edge() -> None:
    axis = Axis("FNMR", 1e-4, 1.0, log=True)
    assert [axis.place(value) for value in (0.0, 1e-4, 1.0, 7.0)] == pytest.approx([0, 0, 1, 1])
    assert axis.ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert [Axis.up_to("y", most).high for most in (0, 0.0473, 0.2, 0.7)] == [1, 0.05, 0.2, 1]
    assert Axis("x", 0.0, 0.5).ticks() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_every_rate_is_a_dot_inside_of_its_whisker_and_none_without_cases() -> None:
    rates = {
        "a": Rate(0.2, 10, (0.1, 0.4)),
        "b": Rate(0.0, 5, (0.0, 0.6)),
        "c": Rate(nan, 0, (0, 1)),
    }
    svg = Whiskers("w", rates).svg()
    dots = drawn(svg, "circle")
    whiskers = [line for line in drawn(svg, "line") if line.get("stroke-width")]
    assert len(dots) == len(whiskers) == 2
    for dot, whisker in zip(dots, whiskers, strict=True):
        assert float(whisker["x1"]) <= float(dot["cx"]) < float(whisker["x2"])
