"""The functions of an app, as Microsoft's worker library describes them, and the host's rules.

The rules are the Functions host's own, as far as an app can break them, with those of the Flex
Consumption plan; the host's source files they were read from are named beside them. What this
development host does not serve, other bindings and retry policies, is refused, not ignored.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from consentry.errors import LocalStackError
from consentry.localhost.ncrontab import Schedule, ScheduleError
from consentry.localhost.routes import Route, RouteError

HTTP, BLOB, QUEUE, TIMER = "httpTrigger", "blobTrigger", "queueTrigger", "timerTrigger"
TRIGGERS = (HTTP, BLOB, QUEUE, TIMER)

FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)  # Utility.cs
QUEUE_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")  # Azure Storage's naming rules
ALL_METHODS = frozenset(
    {"GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT"}
)


@dataclass(frozen=True)
class Function:
    """One function: its name, the worker's id for it, and its bindings as in function.json.

    ``retried`` tells whether the function has a retry policy.
    """

    name: str
    id: str
    bindings: tuple[Mapping[str, Any], ...]
    retried: bool = False

    @classmethod
    def from_worker(cls, fields: Mapping[str, Any]) -> "Function":
        """Make it from what the engine reports, bindings as JSON texts."""
        bindings = tuple(json.loads(text) for text in fields["bindings"])
        return cls(str(fields["name"]), str(fields["id"]), bindings, bool(fields["retried"]))

    @cached_property
    def trigger(self) -> Mapping[str, Any]:
        """The binding that starts the function; empty when there is none or more than one."""
        found = [binding for binding in self.bindings if _type(binding).endswith("trigger")]
        return found[0] if len(found) == 1 else {}

    @property
    def kind(self) -> str:
        """Type of the trigger: one of TRIGGERS, or another that is not served."""
        return str(self.trigger.get("type", ""))

    @property
    def parameter(self) -> str:
        """Name of the argument that takes what the trigger brings."""
        return str(self.trigger["name"])

    @property
    def webhook_id(self) -> str:
        """Name under which the host's own parts know the function."""
        return f"Host.Functions.{self.name}"

    @cached_property
    def methods(self) -> frozenset[str]:
        """HTTP methods, upper case; all of them when the trigger names none."""
        named = frozenset(str(method).upper() for method in self.trigger.get("methods") or ())
        return named or ALL_METHODS

    @property
    def level(self) -> str:
        """Key that a request needs: anonymous, function or admin."""
        return str(self.trigger.get("authLevel") or "function").lower()

    @property
    def takes_sdk_type(self) -> bool:
        """Tell whether the worker makes a storage client instead of receiving bytes."""
        properties = self.trigger.get("properties") or {}
        return str(properties.get("SupportsDeferredBinding", "")).lower() == "true"

    def route(self, prefix: str) -> Route:
        """Template under which the function is served; RouteError when it is malformed."""
        own = self.trigger.get("route") or self.name
        return Route(f"{prefix}/{own}" if prefix else str(own))

    def describe(self, prefix: str) -> str:
        """Say in one line what starts the function."""
        trigger = self.trigger
        if self.kind == HTTP:
            methods = "any" if self.methods == ALL_METHODS else ",".join(sorted(self.methods))
            return f"http   {methods} /{self.route(prefix).template} ({self.level})"
        if self.kind == BLOB:
            return f"blob   {trigger.get('path')} ({trigger.get('source')})"
        if self.kind == QUEUE:
            return f"queue  {trigger.get('queueName')}"
        return f"timer  {trigger.get('schedule')}"


def validate(functions: Iterable[Function], prefix: str) -> None:
    """Check all functions against the host's rules.

    Raises LocalStackError with one line for each rule that a function breaks.
    """
    faults: list[str] = []
    names: set[str] = set()
    routes: list[tuple[str, str, frozenset[str]]] = []
    for function in functions:
        name = function.name
        if not FUNCTION_NAME.fullmatch(name) or name.lower() == "host":
            faults.append(f"{name}: not a name that a function may have")
        if name.lower() in names:
            faults.append(f"{name}: another function has this name")
        names.add(name.lower())
        faults += [f"{name}: {fault}" for fault in _binding_faults(function)]
        if function.kind == HTTP:
            faults += [f"{name}: {fault}" for fault in _route_faults(function, prefix, routes)]
    if faults:
        raise LocalStackError("The function app cannot run:\n  " + "\n  ".join(faults))


def _type(binding: Mapping[str, Any]) -> str:
    return str(binding.get("type", "")).lower()


def _binding_faults(function: Function) -> Iterable[str]:
    if function.kind not in TRIGGERS:
        yield "needs exactly one trigger, of a type that this host serves: " + ", ".join(TRIGGERS)
        return
    if function.retried:
        yield "retry policies are not served by the development host"
    for binding in function.bindings:
        if binding is not function.trigger and _type(binding) != "http":
            yield f"binding type {binding.get('type')} is not served by the development host"
    trigger = function.trigger
    if function.kind == BLOB and trigger.get("source") != "EventGrid":
        # ScriptHost.cs: polling blob triggers are refused on Flex Consumption.
        yield "the Flex Consumption plan only supports EventGrid as the source of a blob trigger"
    if function.kind == QUEUE and not QUEUE_NAME.fullmatch(str(trigger.get("queueName"))):
        yield "the queue's name is not one that Azure Storage accepts"
    if function.kind == TIMER:
        try:
            Schedule(str(trigger.get("schedule")))
        except ScheduleError as error:
            yield str(error)


def _route_faults(
    function: Function, prefix: str, seen: list[tuple[str, str, frozenset[str]]]
) -> Iterable[str]:
    try:
        route = function.route(prefix)
    except RouteError as error:
        yield str(error)
        return
    if function.level not in ("anonymous", "function", "admin"):
        yield "authLevel is none of anonymous, function, admin"
    # ScriptHost.cs, ValidateHttpFunction: these begin the host's own addresses.
    if route.template.lower().split("/")[0] in ("admin", "runtime"):
        yield "a route may not start with admin or runtime"
    for other, template, methods in seen:
        if template == route.template.lower() and methods & function.methods:
            yield f"has the same route and method as {other}"
    seen.append((function.name, route.template.lower(), function.methods))
