"""HTTP to and from a worker, as the Functions host converts it."""

from typing import Any

import pytest

from consentry.localhost.frames import Frame
from consentry.localhost.front import decoded_path
from consentry.localhost.http_messages import (
    headers_of,
    query_of,
    response_of,
    trace_of,
    trigger_value,
)

SCOPE: dict[str, Any] = {
    "method": "POST",
    "scheme": "http",
    "raw_path": b"/a%20b",
    "query_string": b"x=1&x=2&empty=&y=%C3%BC",
    "headers": [(b"Host", b"here:1"), (b"X-Many", b"1"), (b"x-many", b"2")],
}


def test_header_names_are_lower_case_and_values_joined() -> None:
    assert headers_of(SCOPE) == {"host": "here:1", "x-many": "1,2"}


def test_empty_query_values_are_dropped_and_others_joined() -> None:
    assert query_of(SCOPE) == {"x": "1,2", "y": "ü"}


def test_trigger_gets_the_address_as_it_was_written() -> None:
    value = trigger_value(SCOPE, headers_of(SCOPE), {"id": "1"})
    assert value["url"] == "http://here:1/a%20b?x=1&x=2&empty=&y=%C3%BC"
    assert value["params"] == {"id": "1"}


def test_trace_context_of_the_caller_is_kept_and_otherwise_made() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert trace_of({"traceparent": parent, "tracestate": "a=b"}) == (parent, "a=b")
    made, state = trace_of({})
    assert [len(part) for part in made.split("-")] == [2, 32, 16, 2]
    assert state == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [(b"/a%20b", "/a b"), (b"/a%2Fb%2fc", "/a%2Fb%2fc"), (b"/%C3%BC", "/ü"), (b"/..%5C", "/..\\")],
)
def test_path_is_decoded_but_for_an_encoded_slash(path: bytes, expected: str) -> None:
    assert decoded_path(path) == expected


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("plain", 200, b"plain"),
        ('{"some": "json"}', 200, b'{"some": "json"}'),
        ("{not json", 200, b"{not json"),
        ('{"status": 201, "body": "made", "headers": {"X-A": "1"}}', 201, b"made"),
        ('{"body": {"a": 1}}', 200, b'{"a": 1}'),
    ],
)
def test_returned_text_may_describe_a_response(text: str, status: int, body: bytes) -> None:
    response = response_of(Frame({"kind": "string", "value": text}))
    assert (response.status, response.body) == (status, body)
    assert dict(response.headers)[b"content-type"] == b"text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("frame", "status", "body"),
    [
        (Frame({"kind": None, "value": None}), 204, b""),
        (Frame({"kind": "bytes"}, b"\x00"), 200, b"\x00"),
        (Frame({"kind": "json", "value": "[1]"}), 200, b"[1]"),
    ],
)
def test_other_returned_values_have_their_response(frame: Frame, status: int, body: bytes) -> None:
    response = response_of(frame)
    assert (response.status, response.body) == (status, body)


def test_length_that_a_function_sets_is_left_to_the_server() -> None:
    head = {
        "kind": "http",
        "status": 200,
        "headers": {"Content-Length": "7", "X-A": "1"},
        "cookies": [],
    }
    assert response_of(Frame(head, b"x")).headers == [(b"X-A", b"1")]
