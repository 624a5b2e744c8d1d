"""The way into the local cloud: a proxy that leads Azure's names to parts on this machine.

Clients find it by HTTPS_PROXY and need to know nothing else: they ask for
``https://ACCOUNT.blob.core.windows.net`` as everywhere. The proxy answers the CONNECT, ends TLS
itself, and hands each request to the part that owns the name. A name that is none of the local
cloud's is refused, so nothing ever leaves the machine.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from consentry.limits import MEBIBYTE
from local.certificates import LOOPBACK, Certificate
from local.wire import RefusedRequestError, Reply, Request, Service

BODY_BYTES_MAX: Final = 500 * MEBIBYTE
# Headers of one connection; the rest belongs to the request or its reply.
HOP_BY_HOP: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


logger = logging.getLogger(__name__)


class QuietHandler(BaseHTTPRequestHandler):
    """Reads requests and writes replies, and logs nothing: rehearsals read standard error."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Say nothing."""

    def read(self, host: str) -> Request:
        """Read the request that is coming in."""
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known},{value}"
        if "chunked" in headers.get("transfer-encoding", ""):
            return Request(self.command, host, self.path, headers, b"".join(self._chunks()))
        length = int(headers.get("content-length", 0))
        if length > BODY_BYTES_MAX:
            raise RefusedRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestBodyTooLarge")
        return Request(self.command, host, self.path, headers, self.rfile.read(length))

    def write(self, reply: Reply) -> None:
        """Write a reply; all at once, so that no packet waits for another."""
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        length = reply.headers.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue


@contextmanager
def serving_tls(handler: type[BaseHTTPRequestHandler], certificate: Certificate) -> Iterator[int]:
    """Serve over TLS on a free port while the block runs."""
    context = tls_of(certificate)
    with serving(handler, lambda plain: context.wrap_socket(plain, server_side=True)) as port:
        yield port


def tls_of(certificate: Certificate) -> ssl.SSLContext:
    """Make the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate.public, certificate.private)
    return context


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler],
    wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain,
) -> Iterator[int]:
    """Serve on a free port of this machine while the block runs."""
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Proxy(QuietHandler):
    """One connection: a CONNECT for a name, then TLS, then requests for the part it belongs to."""

    find: Callable[[str], Service | None]
    tls: ssl.SSLContext
    service: Service | None = None
    asked = ""

    def setup(self) -> None:
        """Begin; small packets go out at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def finish(self) -> None:
        """End; TLS has taken the socket over from the server."""
        super().finish()
        self.connection.close()

    def handle_one_request(self) -> None:
        """Serve one request; a client that goes away ends its connection and nothing else."""
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def do_CONNECT(self) -> None:
        """Take over a connection to one of the local cloud's names."""
        self.asked = self.path.partition(":")[0].lower()
        self.service = type(self).find(self.asked)
        if self.service is None:
            self.send_error(HTTPStatus.BAD_GATEWAY, "not a name of the local cloud")
            return
        self.send_response_only(HTTPStatus.OK)
        self.end_headers()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    def serve(self) -> None:
        """Answer one request."""
        if self.service is None:
            self.send_error(HTTPStatus.BAD_REQUEST, "everything here is over TLS")
            return
        request = self.read(self.asked)
        try:
            reply = self.service(request)
        except RefusedRequestError as error:
            reply = Reply(error.status, {"x-ms-error-code": error.code, **error.headers})
        if reply.status >= HTTPStatus.BAD_REQUEST and reply.status != HTTPStatus.NOT_FOUND:
            code = reply.headers.get("x-ms-error-code", "")
            logger.info(
                "%d %s: %s %s%s", reply.status, code, request.method, request.host, request.path
            )
        self.write(reply)
        self.wfile.flush()

    do_DELETE = do_GET = do_HEAD = do_MERGE = serve
    do_OPTIONS = do_PATCH = do_POST = do_PUT = serve


@contextmanager
def gateway(find: Callable[[str], Service | None], certificate: Certificate) -> Iterator[int]:
    """Run the proxy; ``find`` gives the part that owns a host name, or None."""

    class Proxy(_Proxy):
        tls = tls_of(certificate)

    Proxy.find = staticmethod(find)
    with serving(Proxy) as port:
        yield port
