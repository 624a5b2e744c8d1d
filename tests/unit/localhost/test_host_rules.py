"""An app that Azure would refuse is refused here, with every fault named."""

import json
from typing import Any

import pytest

from consentry.errors import LocalStackError
from consentry.localhost.functions import Function, validate


def http(name: str = "one", **fields: Any) -> Function:
    trigger = {"type": "httpTrigger", "name": "req", "authLevel": "ANONYMOUS", "route": name}
    reply = {"type": "http", "name": "$return", "direction": "OUT"}
    return Function(name, name, (trigger | fields, reply))


def other(kind: str, name: str = "one", **fields: Any) -> Function:
    return Function(name, name, ({"type": kind, "name": "item", "connection": "C"} | fields,))


GOOD = [
    http("detect", route="face/{version}/detect", methods=["POST"]),
    http("detect_get", route="face/{version}/detect", methods=["GET"]),
    other("blobTrigger", "arrived", path="inbox/{name}", source="EventGrid"),
    other("queueTrigger", "worked", queueName="work-items"),
    other("timerTrigger", "ticked", schedule="0 */5 * * * *"),
]


def test_app_that_follows_the_rules_is_accepted() -> None:
    validate(GOOD, "")
    assert [function.kind for function in GOOD] == [
        *("httpTrigger", "httpTrigger", "blobTrigger", "queueTrigger", "timerTrigger")
    ]


@pytest.mark.parametrize(
    ("functions", "fault"),
    [
        ([http("1st")], "not a name"),
        ([http("a" * 129)], "not a name"),
        ([http("Host")], "not a name"),
        ([http("same"), http("SAME", route="else")], "another function has this name"),
        ([http("a", route="x/{id}"), http("b", route="X/{id}")], "same route and method as a"),
        ([http("a", methods=["GET", "PUT"], route="x"), http("b", methods=["PUT"], route="x")],
         "same route and method as a"),
        ([http(route="admin/keys")], "may not start with admin"),
        ([http(route="Runtime/x")], "may not start with admin"),
        ([http(route="{a")], "braces"),
        ([http(authLevel="SYSTEM")], "authLevel"),
        ([other("blobTrigger", path="a/{b}")], "only supports EventGrid"),
        ([other("blobTrigger", path="a/{b}", source="LogsAndContainerScan")],
         "only supports EventGrid"),
        ([other("queueTrigger", queueName="No_Good")], "queue's name"),
        ([other("timerTrigger", schedule="every day")], "five or six fields"),
        ([other("eventHubTrigger")], "exactly one trigger"),
        ([Function("again", "1", http().bindings, retried=True)], "retry policies"),
        ([Function("none", "1", ())], "exactly one trigger"),
        ([Function("two", "1", http().bindings[:1] + other("timerTrigger").bindings)],
         "exactly one trigger"),
        ([Function("out", "1", (*http().bindings, {"type": "queue", "name": "q"}))],
         "binding type queue is not served"),
    ],
)  # fmt: skip
def test_rule_that_is_broken_is_named(functions: list[Function], fault: str) -> None:
    with pytest.raises(LocalStackError, match=fault):
        validate(functions, "")


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(LocalStackError) as caught:
        validate([http("1st"), other("timerTrigger", "second", schedule="x")], "")
    assert "1st" in str(caught.value)
    assert "second" in str(caught.value)


def test_trigger_without_methods_takes_all_and_without_level_wants_a_key() -> None:
    function = http(authLevel=None)
    assert {"GET", "POST", "PATCH"} <= function.methods
    assert function.level == "function"


def test_route_defaults_to_the_name_behind_the_prefix() -> None:
    assert http("ping", route=None).route("api").template == "api/ping"


def test_sdk_type_is_seen_in_the_trigger() -> None:
    deferred = {"SupportsDeferredBinding": "True"}
    assert other("blobTrigger", properties=deferred).takes_sdk_type
    assert not other("blobTrigger").takes_sdk_type


def test_worker_report_becomes_a_function() -> None:
    texts = [json.dumps(binding) for binding in http().bindings]
    report = {"name": "a", "id": "7", "bindings": texts, "retried": True}
    assert Function.from_worker(report) == Function("a", "7", http().bindings, retried=True)


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (GOOD[0], "http   POST /face/{version}/detect (anonymous)"),
        (GOOD[2], "blob   inbox/{name} (EventGrid)"),
        (GOOD[3], "queue  work-items"),
        (GOOD[4], "timer  0 */5 * * * *"),
    ],
)
def test_function_is_described_by_what_starts_it(function: Function, line: str) -> None:
    assert function.describe("") == line
