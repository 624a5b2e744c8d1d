"""How far a measurement is: something passes its pictures on, and may show how many have passed."""

from collections.abc import Callable, Iterable, Sequence

Track = Callable[[Sequence[str]], Iterable[str]]
