"""Other people's addresses: on allow-listed hosts, over TLS, and never in a private network.

The address is resolved once and the connection goes to exactly the resolved address that was
checked, so that a name which answers differently the second time (DNS rebinding) gains nothing.
Redirects are not followed.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

import httpcore

from consentry.errors import UrlError
from consentry.limits import FETCH_SECONDS_MAX, URL_CHARACTERS_MAX

Address = IPv4Address | IPv6Address

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the rest is an IPv4 address
_AZURE_PLATFORM: Final = ip_address("168.63.129.16")  # Azure's own agent and DNS address
HTTPS_PORT: Final = 443
_OK: Final = 200
_REDIRECTED: Final = 300


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the open internet; IPv6 that wraps IPv4 is refused."""
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64
    ):
        return False
    if address == _AZURE_PLATFORM:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to the address that it has checked, and to no other."""

    def __init__(self, allowed: Callable[[Address], bool]) -> None:
        self._allowed = allowed
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise UrlError("the host of the address is not known") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(self._allowed(ip_address(text)) for text in addresses):
            raise UrlError("the address does not lie on the public internet")
        return self._plain.connect_tcp(addresses[0], port, timeout, local_address, socket_options)


class Fetcher:
    """Fetches from hosts on the list, or sends there; with an empty list, nothing at all."""

    def __init__(
        self,
        hosts: Iterable[str],
        *,
        allowed: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        port: int = HTTPS_PORT,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._port = port
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, network_backend=_CheckedBackend(allowed), max_keepalive_connections=0
        )

    def __call__(self, url: str, *, limit: int) -> bytes:
        """Give at most ``limit`` bytes; UrlError for anything but one complete 200 reply."""
        self.check(url)
        deadline = time.monotonic() + FETCH_SECONDS_MAX
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), FETCH_SECONDS_MAX / 2)
        parts: list[bytes] = []
        size = 0
        try:
            with self._pool.stream("GET", url, extensions={"timeout": timeouts}) as reply:
                if reply.status != _OK:
                    raise UrlError("the address does not answer with a picture")
                for part in reply.iter_stream():
                    size += len(part)
                    if size > limit or time.monotonic() > deadline:
                        raise UrlError("the picture behind the address is too large or too slow")
                    parts.append(part)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            raise UrlError("the picture behind the address cannot be fetched") from None
        return b"".join(parts)

    def post(self, url: str, data: bytes, *, media_type: str) -> None:
        """Send a document; UrlError unless the address answers that it was taken (2xx)."""
        self.check(url)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), FETCH_SECONDS_MAX / 2)
        headers = [("Content-Type", media_type), ("Content-Length", str(len(data)))]
        extensions = {"timeout": timeouts}
        try:
            with self._pool.stream(
                "POST", url, headers=headers, content=data, extensions=extensions
            ) as reply:
                taken = _OK <= reply.status < _REDIRECTED
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            taken = False
        if not taken:
            raise UrlError("the address did not take what was sent")

    def close(self) -> None:
        """Close what is open."""
        self._pool.close()

    def check(self, url: str) -> None:
        """Raise UrlError unless an address is https on an allowed host."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UrlError("the address is malformed") from None
        if (
            len(url) > URL_CHARACTERS_MAX
            or not url.isascii()
            or not url.isprintable()
            or parts.scheme != "https"
            or parts.username is not None
            or port not in (None, self._port)
            or (parts.hostname or "") not in self._hosts
        ):
            raise UrlError("the address is not https on a host that this deployment allows")
