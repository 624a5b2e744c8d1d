"""Route templates as ASP.NET Core reads them, for the routes of HTTP functions.

``items/{kind:alpha}/{id:int?}`` and ``files/{*path}``: literals match in any case, a parameter is
one segment or a part of it, ``?`` or ``=default`` make the last ones optional, ``*`` takes the
rest of the path, and a constraint that fails means that the route does not match at all.
"""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Constraint = Callable[[str], bool]

_PARAMETER = re.compile(
    r"\{(?P<rest>\*{0,2})(?P<name>[A-Za-z_]\w*)"
    r"(?P<constraints>(?::[A-Za-z]+(?:\((?:[^()]|\([^()]*\))*\))?)*)"
    r"(?:(?P<optional>\?)|=(?P<default>[^{}]*))?\}"
)
_CONSTRAINT = re.compile(r":([A-Za-z]+)(?:\(((?:[^()]|\([^()]*\))*)\))?")


class RouteError(ValueError):
    """A route template is malformed or uses a constraint that does not exist."""


class Route:
    """One template: ``match`` gives a path's parameters, ``precedence`` orders templates."""

    def __init__(self, template: str) -> None:
        self.template = template.strip("/")
        self._constraints: dict[str, list[Constraint]] = {}
        self._defaults: dict[str, str] = {}
        ranks: list[int] = []
        pattern = ""
        for segment in self.template.split("/") if self.template else ():
            source, rank = self._segment(segment, first=not pattern)
            pattern += source
            ranks.append(rank)
        self.precedence = tuple(ranks)
        self._pattern = re.compile(f"/?{pattern}/?", re.IGNORECASE | re.DOTALL)

    def match(self, path: str) -> dict[str, str] | None:
        """Parameters of a decoded path, those left out without default missing; else None."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values = self._defaults | {k: v for k, v in found.groupdict().items() if v}
        for name, checks in self._constraints.items():
            if name in values and not all(check(values[name]) for check in checks):
                return None
        return values

    def _segment(self, segment: str, *, first: bool) -> tuple[str, int]:
        """Regular expression of one segment, and its rank as in ASP.NET's RoutePrecedence."""
        slash = "" if first else "/"
        whole = _PARAMETER.fullmatch(segment)
        if whole is None:
            return self._mixed_segment(segment, slash)
        name = self._register(whole)
        constrained = bool(whole["constraints"])
        if whole["rest"]:
            return f"(?:{slash}(?P<{name}>.*))?", 4 if constrained else 5
        group = f"(?P<{name}>[^/]+)"
        if whole["optional"] or whole["default"] is not None:
            return f"(?:{slash}{group})?", 2 if constrained else 3
        return slash + group, 2 if constrained else 3

    def _mixed_segment(self, segment: str, slash: str) -> tuple[str, int]:
        """A literal, or a literal with parameters inside, such as ``{name}.{extension}``."""
        pattern, position = slash, 0
        for part in _PARAMETER.finditer(segment):
            if part["rest"] or part["optional"] or part["default"] is not None:
                raise RouteError(
                    "a parameter beside other text cannot be optional or take the rest"
                )
            pattern += _literal(segment[position : part.start()])
            pattern += f"(?P<{self._register(part)}>[^/]+?)"
            position = part.end()
        return pattern + _literal(segment[position:]), 2 if position else 1

    def _register(self, parameter: re.Match[str]) -> str:
        name = parameter["name"]
        if name in self._constraints:
            raise RouteError("a route names a parameter twice")
        self._constraints[name] = [
            _constraint(kind.lower(), argument)
            for kind, argument in _CONSTRAINT.findall(parameter["constraints"])
        ]
        if parameter["default"] is not None:
            self._defaults[name] = parameter["default"]
        return name


def _literal(text: str) -> str:
    if "{" in text or "}" in text or not text.isprintable():
        raise RouteError("a route's braces do not enclose a parameter")
    return re.escape(text)


def _constraint(kind: str, argument: str) -> Constraint:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "regex":
        expression = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
        return lambda text: expression.search(text) is not None
    try:
        numbers = [int(number) for number in argument.split(",")]
        return _NUMBERED[kind, len(numbers)](*numbers)
    except (KeyError, ValueError):
        raise RouteError("a route uses a constraint that does not exist") from None


def _integer(bits: int) -> Constraint:
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return lambda text: (
        re.fullmatch(r"[+-]?\d{1,19}", text) is not None and lowest <= int(text) <= highest
    )


def _parses(parse: Callable[[str], object]) -> Constraint:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


_PLAIN: dict[str, Constraint] = {
    "int": _integer(32),
    "long": _integer(64),
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]+", text) is not None,
    "bool": lambda text: text.lower() in ("true", "false"),
    "decimal": _parses(float),
    "double": _parses(float),
    "float": _parses(float),
    "guid": _parses(UUID),
    "datetime": _parses(datetime.fromisoformat),
    "required": bool,
}

_NUMBERED: dict[tuple[str, int], Callable[..., Constraint]] = {
    ("length", 1): lambda size: lambda text: len(text) == size,
    ("length", 2): lambda low, high: lambda text: low <= len(text) <= high,
    ("minlength", 1): lambda low: lambda text: len(text) >= low,
    ("maxlength", 1): lambda high: lambda text: len(text) <= high,
    ("min", 1): lambda low: lambda text: _integer(64)(text) and int(text) >= low,
    ("max", 1): lambda high: lambda text: _integer(64)(text) and int(text) <= high,
    ("range", 2): lambda low, high: lambda text: _integer(64)(text) and low <= int(text) <= high,
}
