"""HTTP functions behave as behind the Functions host."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.support.sample import Sample


def test_function_gets_the_request_as_azure_gives_it(sample: Sample) -> None:
    headers = [
        ("X-Name", "1"),
        ("x-name", "2"),
        ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
    ]
    reply = sample.http.post(
        "/API/echo/box/12?q=1&q=2&empty=&name=%C3%BC", headers=headers, content=b"\x00\xff"
    )
    seen = reply.json()
    assert reply.status_code == 200
    assert seen["method"] == "POST"
    assert seen["url"] == f"{sample.stack.url}/API/echo/box/12?q=1&q=2&empty=&name=%C3%BC"
    assert seen["headers"]["x-name"] == "1,2"
    assert seen["query"] == {"q": "1,2", "name": "ü"}
    assert seen["route"] == {"kind": "box", "id": "12"}
    assert seen["body"] == "\x00ÿ"
    assert seen["trace"] == headers[2][1]


def test_optional_parameter_that_is_absent_is_not_sent(sample: Sample) -> None:
    assert sample.http.get("/api/echo/box").json()["route"] == {"kind": "box"}


def test_literal_route_wins_over_parameters(sample: Sample) -> None:
    assert sample.http.get("/api/echo/box/fixed").text == "the literal wins over box"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/echo/box"),
        ("GET", "/api/echo/b0x"),
        ("GET", "/api/echo/box/one"),
        ("PUT", "/api/echo/box/1"),
        ("HEAD", "/api/echo/box/1"),
        ("GET", "/api/disabled"),
        ("GET", "/admin/other"),
        ("GET", "/runtime/webhooks/blobs"),
    ],
)
def test_what_no_route_has_is_not_found(sample: Sample, method: str, path: str) -> None:
    key = {"x-functions-key": sample.stack.keys.master} if path.startswith("/admin") else {}
    reply = sample.http.request(method, path, headers=key)
    assert (reply.status_code, reply.content) == (404, b"")


def test_bytes_go_both_ways_unchanged(sample: Sample) -> None:
    body = bytes(range(256)) * 16_384
    reply = sample.http.put("/api/files/a/b.bin", content=body)
    assert reply.content == body
    assert reply.headers["content-type"] == "application/octet-stream"


def test_cookies_keep_their_attributes(sample: Sample) -> None:
    first, second = sample.http.get("/api/cookies").headers.get_list("set-cookie")
    assert first == "a=1; path=/; secure; samesite=Strict; httponly"
    assert second == "b=2; expires=Thu, 01 Jan 2032 00:00:00 GMT; max-age=60"


def test_returned_text_is_sent_as_text(sample: Sample) -> None:
    reply = sample.http.post("/api/text", content="grüße".encode())
    assert reply.text == "grüße"
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


def test_exception_of_a_function_tells_the_caller_nothing(sample: Sample) -> None:
    reply = sample.http.get("/api/broken")
    assert (reply.status_code, reply.content) == (500, b"")
    assert "this text must not reach the caller of GET" in sample.log.read_text()


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/keyed", "", 401),
        ("/api/keyed", "wrong", 401),
        ("/api/keyed", "function", 200),
        ("/api/keyed", "master", 200),
        ("/api/keyed", "blobs_extension", 401),
        ("/api/owned", "", 401),
        ("/api/owned", "function", 401),
        ("/api/owned", "master", 200),
        ("/api/disabled", "function", 404),
        ("/api/disabled", "master", 200),
        ("/admin/host/status", "", 401),
        ("/admin/host/status", "function", 401),
        ("/admin/host/status", "master", 200),
        ("/admin/host/ping", "", 200),
    ],
)
def test_level_is_enforced(sample: Sample, path: str, key: str, status: int) -> None:
    value = getattr(sample.stack.keys, key, key)
    in_query = sample.http.get(path, params={"code": value} if value else {})
    in_header = sample.http.get(path, headers={"x-functions-key": value} if value else {})
    assert in_query.status_code == in_header.status_code == status


def test_key_in_the_header_wins_over_the_query(sample: Sample) -> None:
    headers = {"x-functions-key": "wrong"}
    reply = sample.http.get(
        "/api/keyed", headers=headers, params={"code": sample.stack.keys.function}
    )
    assert reply.status_code == 401


def test_chunked_body_arrives_empty_with_a_warning(sample: Sample) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"never seen"

    reply = sample.http.post("/api/echo/box", content=chunks())
    assert reply.json()["body"] == ""
    assert "chunked request body" in sample.log.read_text()


def test_body_beyond_the_limit_is_refused_unread(sample: Sample) -> None:
    address = urlsplit(sample.stack.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as raw:
        raw.sendall(
            b"PUT /api/files/big HTTP/1.1\r\nHost: here\r\nContent-Length: 104857601\r\n\r\n"
        )
        answer = raw.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")


def test_request_that_breaks_off_starts_nothing(sample: Sample) -> None:
    before = sample.log.read_text().count("Executed text")
    address = urlsplit(sample.stack.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as raw:
        raw.sendall(b"POST /api/text HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1) == b""
    assert sample.http.post("/api/text", content=b"whole").text == "whole"
    assert sample.log.read_text().count("Executed text") == before + 1


def test_status_says_that_the_host_runs(sample: Sample) -> None:
    headers = {"x-functions-key": sample.stack.keys.master}
    assert sample.http.get("/admin/host/status", headers=headers).json() == {"state": "Running"}


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [("nobody", b"{}", 404), ("echo", b"not json", 400), ("echo", b"[]", 400)],
)
def test_admin_call_that_cannot_be_made_is_refused(
    sample: Sample, name: str, body: bytes, status: int
) -> None:
    headers = {"x-functions-key": sample.stack.keys.master}
    reply = sample.http.post(f"/admin/functions/{name}", headers=headers, content=body)
    assert reply.status_code == status


@pytest.mark.parametrize("name", ["worked", "arrived", "ticked", "text"])
def test_admin_call_needs_the_master_key(sample: Sample, name: str) -> None:
    reply = sample.http.post(
        f"/admin/functions/{name}",
        headers={"x-functions-key": sample.stack.keys.function},
        json={"input": "x"},
    )
    assert reply.status_code == 401


def test_log_holds_no_key_and_no_connection_string(sample: Sample) -> None:
    sample.http.get("/api/keyed", params={"code": sample.stack.keys.function})
    log = sample.log.read_text()
    assert "Executed keyed (Succeeded" in log
    keys = sample.stack.keys
    for secret in (keys.master, keys.function, keys.blobs_extension, "AccountKey", "code="):
        assert secret not in log
