"""HTTP requests and responses as the Functions host hands them to and takes them from a worker.

From the host's ``GrpcMessageConversionExtensions`` and ``HttpBinding``: header names in lower
case, repeated values joined by commas, empty query values left out; a returned text is sent as
text, unless it is a JSON object that describes a whole response.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from consentry.localhost.frames import Frame

SAME_SITE = {1: "Lax", 2: "Strict", 3: "None"}
FRAMING = frozenset({"content-length", "transfer-encoding"})  # the server's own affair
TEXT = "text/plain; charset=utf-8"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Response:
    """What goes back over HTTP."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Headers of an ASGI request, names in lower case, repeated values joined by commas."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def query_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Query of an ASGI request without empty values, repeated ones joined by commas."""
    joined: dict[str, str] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1")):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def trigger_value(
    scope: Mapping[str, Any], headers: Mapping[str, str], parameters: Mapping[str, str]
) -> dict[str, Any]:
    """What an HTTP trigger gets besides the body."""
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    host = headers.get("host", "localhost")
    return {
        "method": scope["method"],
        "url": f"{scope['scheme']}://{host}{path}" + (f"?{query}" if query else ""),
        "headers": headers,
        "query": query_of(scope),
        "params": parameters,
    }


def trace_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """W3C trace context of a request: the caller's, or a new one."""
    new = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    return headers.get("traceparent") or new, headers.get("tracestate", "")


def response_of(reply: Frame) -> Response:
    """Make the response of what a function returned."""
    head = reply.head
    if head["kind"] == "http":
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in head["headers"].items()
            if name.lower() not in FRAMING
        ]
        cookies = [(b"set-cookie", _set_cookie(cookie)) for cookie in head["cookies"]]
        return Response(head["status"], headers + cookies, reply.body)
    if head["kind"] == "string":
        return _text_response(head["value"])
    if head["kind"] == "bytes":
        return Response(200, [(b"content-type", b"application/octet-stream")], reply.body)
    if head["kind"] is None:
        return Response(204)
    return Response(200, [(b"content-type", b"application/json")], str(head["value"]).encode())


def _text_response(text: str) -> Response:
    try:
        described = json.loads(text) if text.startswith("{") else None
    except ValueError:
        described = None
    if not isinstance(described, dict) or not described.keys() & {"body", "status", "headers"}:
        return Response(200, [(b"content-type", TEXT.encode())], text.encode())
    body = described.get("body", "")
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": TEXT} | {
        str(name).lower(): str(value) for name, value in (described.get("headers") or {}).items()
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return Response(int(described.get("status", 200)), raw, content.encode())


def _set_cookie(cookie: Mapping[str, Any]) -> bytes:
    parts = [f"{cookie['name']}={cookie['value']}", *_cookie_attributes(cookie)]
    return "; ".join(parts).encode("latin-1")


def _cookie_attributes(cookie: Mapping[str, Any]) -> Iterable[str]:
    if cookie["expires"] is not None:
        yield f"expires={formatdate(cookie['expires'], usegmt=True)}"
    if cookie["max_age"] is not None:
        yield f"max-age={int(cookie['max_age'])}"
    for name in ("domain", "path"):
        if cookie[name]:
            yield f"{name}={cookie[name]}"
    if cookie["secure"]:
        yield "secure"
    if cookie["same_site"]:
        yield f"samesite={SAME_SITE[cookie['same_site']]}"
    if cookie["http_only"]:
        yield "httponly"
