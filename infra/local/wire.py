"""Requests and replies as the parts of the local cloud see them, whatever brought them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request; header names in lower case, ``target`` as it came: path and query."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def parts(self) -> list[str]:
        """The path's parts, decoded."""
        return [unquote(part) for part in self.path.strip("/").split("/") if part]

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; of a repeated one, the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def bearer(self) -> str:
        """The bearer token, or nothing."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True)
class Reply:
    """One reply."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


Service = Callable[[Request], Reply]


class RefusedRequestError(Exception):
    """A data plane answers with an error: Azure's own status and code."""

    def __init__(self, status: HTTPStatus, code: str, headers: Mapping[str, str] = {}) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers


def json_reply(status: int, document: Any, **headers: str) -> Reply:
    """Make a reply of a JSON document."""
    return Reply(
        status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode()
    )
