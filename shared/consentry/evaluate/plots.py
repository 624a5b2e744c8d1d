"""Plots as SVG text: lines over two axes, and rates with their intervals. Nothing to load.

A plot is a small fixed frame, so a library would be far more than it takes. Colours follow the
page's own ink, apart from those of the lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, isfinite, log10
from typing import Final

from consentry.evaluate.rates import Rate

Line = Sequence[tuple[float, float]]

_WIDTH: Final = 640  # of a plot, in pixels
_LEFT: Final = 64  # of the frame; what stands left and below of it are the ticks
_RIGHT: Final = 620
_TOP: Final = 16
_BOTTOM: Final = 316
_BELOW: Final = 60
_LEGEND: Final = 140  # width of a line's name
_TICKS: Final = 5
_LABELS_WIDTH: Final = 240  # of the names of rates
_ROW: Final = 24  # height of a rate
# Okabe and Ito's colours, which colour-blind people can tell apart.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@dataclass(frozen=True)
class Axis:
    """What an axis shows, from where to where; by decades if ``log``, whose bounds are above 0."""

    name: str
    low: float
    high: float
    log: bool = False

    @classmethod
    def up_to(cls, name: str, most: float) -> "Axis":
        """Reach from 0 to the next of 1, 2 or 5 times a power of ten; to 1 if ``most`` is 0."""
        if not most:
            return cls(name, 0.0, 1.0)
        decade = 10.0 ** floor(log10(most))
        return cls(
            name, 0.0, next(step * decade for step in (1, 2, 5, 10) if step * decade >= most)
        )

    def place(self, value: float) -> float:
        """Give where a value lies, 0 to 1; what lies outside is drawn at the edge."""
        low, high = self._of(self.low), self._of(self.high)
        at = (self._of(max(value, self.low)) - low) / (high - low)
        return min(max(at, 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Give the values that are marked."""
        if self.log:
            first, last = floor(log10(self.low)), floor(log10(self.high))
            return [10.0**decade for decade in range(first, last + 1)]
        step = (self.high - self.low) / _TICKS
        return [self.low + step * tick for tick in range(_TICKS + 1)]

    def _of(self, value: float) -> float:
        return log10(value) if self.log else value


@dataclass(frozen=True)
class Chart:
    """Lines by name over two axes; each runs through its points in their order."""

    title: str
    x: Axis
    y: Axis
    lines: Mapping[str, Line] = field(default_factory=dict)

    def svg(self) -> str:
        """Draw it."""
        return _svg(self.title, _BOTTOM + _BELOW + _ROW, [*self._frame(), *self._drawn()])

    def _frame(self) -> Iterator[str]:
        yield (
            f'<rect x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}" height="{_BOTTOM - _TOP}" '
            'fill="none" stroke="currentColor" opacity=".5"/>'
        )
        for tick in self.x.ticks():
            x = self._x(tick)
            yield _stroke(x, _TOP, x, _BOTTOM)
            yield _text(x, _BOTTOM + 16, f"{tick:g}", "middle")
        for tick in self.y.ticks():
            y = self._y(tick)
            yield _stroke(_LEFT, y, _RIGHT, y)
            yield _text(_LEFT - 6, y + 4, f"{tick:.3g}", "end")
        yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, self.x.name, "middle")
        yield _text(_LEFT + 6, _TOP + 14, self.y.name)

    def _drawn(self) -> Iterator[str]:
        for place, (name, line) in enumerate(self.lines.items()):
            colour = _COLOURS[place % len(_COLOURS)]
            points = " ".join(
                f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in line if isfinite(x) and isfinite(y)
            )
            yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            x, y = _LEFT + _LEGEND * place, _BOTTOM + _BELOW
            yield f'<rect x="{x}" y="{y - 6}" width="12" height="4" fill="{colour}"/>'
            yield _text(x + 18, y, name)

    def _x(self, value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * self.x.place(value)

    def _y(self, value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * self.y.place(value)


@dataclass(frozen=True)
class Whiskers:
    """Rates by name, each a dot with its 95 % interval, over an axis from 0."""

    title: str
    rates: Mapping[str, Rate]

    def svg(self) -> str:
        """Draw it; rates of no cases are left out."""
        shown = {name: each for name, each in self.rates.items() if each.cases}
        axis = Axis.up_to("", max((each.interval[1] for each in shown.values()), default=0.0))
        bottom = _TOP + _ROW * len(shown)
        parts = [*_marks(axis, bottom)]
        for place, (name, each) in enumerate(shown.items()):
            y = _TOP + _ROW * (place + 0.5)
            low, high = (_across(axis, bound) for bound in each.interval)
            parts += [
                _text(_LABELS_WIDTH - 8, y + 4, name, "end"),
                f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" '
                f'stroke="{_COLOURS[0]}" stroke-width="2"/>',
                f'<circle cx="{_across(axis, each.share):.1f}" cy="{y}" r="4" '
                f'fill="{_COLOURS[0]}"/>',
            ]
        return _svg(self.title, bottom + _BELOW, parts)


def _marks(axis: Axis, bottom: float) -> Iterator[str]:
    for tick in axis.ticks():
        x = _across(axis, tick)
        yield _stroke(x, _TOP, x, bottom)
        yield _text(x, bottom + 16, f"{tick:.2g}", "middle")


def _across(axis: Axis, value: float) -> float:
    return _LABELS_WIDTH + (_RIGHT - _LABELS_WIDTH) * axis.place(value)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}" '
        'xmlns="http://www.w3.org/2000/svg" font-size="12" font-family="inherit">'
        + "".join(parts)
        + "</svg>"
    )


def _stroke(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        'stroke="currentColor" opacity=".15"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">'
        f"{escape(text)}</text>"
    )
