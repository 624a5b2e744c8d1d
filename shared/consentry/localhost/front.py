"""The HTTP front of the development host: a plain ASGI application.

The order is the Functions host's: route, key (401), disabled (404), worker not ready (503), body
(413), call. A method that no route has is 404, an exception in a function 500 without a body.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from consentry.localhost.functions import HTTP, Function
from consentry.localhost.http_messages import (
    Response,
    headers_of,
    query_of,
    response_of,
    trace_of,
    trigger_value,
)
from consentry.localhost.keys import Keys
from consentry.localhost.routes import Route
from consentry.localhost.supervisor import Supervisor
from consentry.localhost.worker import Call, CallError

BODY_BYTES_MAX = 104_857_600  # ScriptConstants.cs: the default of the setting for it

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Webhook = Callable[[str, str, bytes], Awaitable[Response]]
"""Takes the function's name in ``Host.Functions.<name>`` form, the event type and the body."""
AdminCall = Callable[[Function, str], Awaitable[None]]
"""Starts a function with an input made from a text, and does not wait for it."""

logger = logging.getLogger(__name__)


class _DisconnectedError(Exception):
    """The client went away before its request was complete; there is nobody to answer."""


@dataclass(frozen=True)
class Endpoint:
    """A function and the route that leads to it."""

    route: Route
    function: Function


@dataclass(frozen=True)
class Request:
    """An ASGI request with what the host needs of it more than once."""

    scope: Scope
    receive: Receive
    headers: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def key(self) -> str:
        """The key it brought; the header goes before the query."""
        return self.headers.get("x-functions-key") or self.query.get("code", "")

    async def body(self) -> bytes:
        """The body; chunked ones do not reach a function in Azure, so they arrive empty."""
        if not int(self.headers.get("content-length") or 0):
            if "transfer-encoding" in self.headers:
                logger.warning("A chunked request body does not reach a function: it is dropped.")
            return b""
        parts = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise _DisconnectedError
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)


class Front:
    """Serves the HTTP functions of the app that runs now, and the host's own addresses."""

    def __init__(
        self,
        supervisor: Supervisor,
        keys: Keys,
        *,
        webhook: Webhook,
        admin_call: AdminCall,
        disabled: frozenset[str] = frozenset(),
        enforce_keys: bool = True,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._supervisor = supervisor
        self._keys = keys
        self._webhook = webhook
        self._admin_call = admin_call
        self._disabled = disabled
        self._enforce_keys = enforce_keys
        self._body_bytes_max = body_bytes_max
        self._endpoints: tuple[Endpoint, ...] = ()
        self._functions: dict[str, Function] = {}

    def serve(self, functions: tuple[Function, ...], prefix: str) -> None:
        """Serve these functions from now on."""
        endpoints = [Endpoint(f.route(prefix), f) for f in functions if f.kind == HTTP]
        # ASP.NET routing: the more specific template wins, whatever the order of declaration.
        self._endpoints = tuple(sorted(endpoints, key=lambda item: item.route.precedence))
        self._functions = {function.name.lower(): function for function in functions}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection scope; only HTTP is served."""
        if scope["type"] != "http":
            raise NotImplementedError("the development host serves HTTP only")
        request = Request(scope, receive, headers_of(scope), query_of(scope))
        try:
            response = await self._respond(request)
        except _DisconnectedError:
            return
        headers = [*response.headers, (b"content-length", str(len(response.body)).encode())]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, request: Request) -> Response:
        path = decoded_path(request.scope["raw_path"])
        if path.startswith(("/admin/", "/runtime/")):
            return await self._respond_as_host(request, path)
        method = request.scope["method"]
        for endpoint in self._endpoints:
            if method in endpoint.function.methods:
                parameters = endpoint.route.match(path)
                if parameters is not None:
                    return await self._invoke(endpoint.function, parameters, request)
        return Response(404 if self._supervisor.ready else 503)

    async def _invoke(
        self, function: Function, parameters: Mapping[str, str], request: Request
    ) -> Response:
        if self._enforce_keys and not self._keys.satisfies(function.level, request.key):
            return Response(401)
        if function.name.lower() in self._disabled and not self._is_admin(request):
            return Response(404)
        if not self._supervisor.ready:
            return Response(503)
        if int(request.headers.get("content-length") or 0) > self._body_bytes_max:
            return Response(413, [(b"connection", b"close")])
        body = await request.body()
        value = trigger_value(request.scope, request.headers, parameters)
        call = Call(function, "http", value, body, trace=trace_of(request.headers))
        try:
            return response_of(await self._supervisor.invoke(call))
        except CallError as error:
            logger.error("%s failed: %s", function.name, error)  # noqa: TRY400 (the worker's trace)
            return Response(500)

    async def _respond_as_host(self, request: Request, path: str) -> Response:
        method = request.scope["method"]
        parts = path.strip("/").split("/")
        if parts == ["admin", "host", "ping"] and method in ("GET", "POST"):
            return Response(200)
        if parts == ["runtime", "webhooks", "blobs"] and method in ("POST", "OPTIONS"):
            if not self._keys.satisfies("system", request.key):
                return Response(401)
            name = request.query.get("functionName", "")
            event_type = request.headers.get("aeg-event-type", "")
            return await self._webhook(name, event_type, await request.body())
        if parts[0] == "admin" and not self._is_admin(request):
            return Response(401)
        if parts == ["admin", "host", "status"] and method == "GET":
            return self._status()
        if parts[:2] == ["admin", "functions"] and len(parts) == 3 and method == "POST":
            return await self._start(parts[2], await request.body())
        return Response(404)

    def _is_admin(self, request: Request) -> bool:
        return self._keys.satisfies("admin", request.key)

    def _status(self) -> Response:
        status: dict[str, Any] = {"state": "Running" if self._supervisor.ready else "Error"}
        if self._supervisor.failure:
            status["errors"] = [self._supervisor.failure]
        headers = [(b"content-type", b"application/json")]
        return Response(200, headers, json.dumps(status).encode())

    async def _start(self, name: str, body: bytes) -> Response:
        function = self._functions.get(name.lower())
        if function is None:
            return Response(404)
        try:
            text = json.loads(body or b"{}").get("input", "")
        except (ValueError, AttributeError):
            return Response(400)
        await self._admin_call(function, text if isinstance(text, str) else json.dumps(text))
        return Response(202)


def decoded_path(raw: bytes) -> str:
    """Decode a request's path, except an encoded slash, which stays what it is."""
    text = raw.decode("latin-1").replace("%2F", "%252F").replace("%2f", "%252f")
    return unquote(text)
