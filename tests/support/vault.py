"""A key vault on this machine, over TLS, for whoever brings the token of its one identity."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from tests.support.certificate import write_certificate

from consentry.azure.names import KeyName
from local.gateway import QuietHandler
from local.keyvault import KeyVault
from local.wire import RefusedRequestError, Reply, json_reply

RSA_BITS = 2048  # made faster than those of a deployment
SIGNS, WRAPS = frozenset({"sign", "verify"}), frozenset({"wrapKey", "unwrapKey"})


class FakeIdentity:
    """Gives a token that the vault takes."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        return AccessToken("token", int(datetime.now(UTC).timestamp()) + 3600)


@contextmanager
def running_vault(folder: Path) -> Iterator[tuple[KeyVault, Path]]:
    """Serve a vault with one version of each key; give it and its certificate."""
    vault = KeyVault()
    for name in KeyName:
        wraps = name is KeyName.WRAPPING
        vault.add(name, bits=RSA_BITS if wraps else 0, operations=WRAPS if wraps else SIGNS)
    certificate = folder / "vault.pem"
    write_certificate(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(vault))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    vault.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vault, certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(vault: KeyVault) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            request = self.read("vault.example")
            try:
                self.write(vault(request) if request.bearer == "token" else _challenge())
            except RefusedRequestError as error:
                self.write(json_reply(error.status, {"error": {"code": error.code}}))

    return Handler


def _challenge() -> Reply:
    where = 'authorization="https://login.example/tenant", resource="https://vault.example"'
    return json_reply(401, {}, **{"WWW-Authenticate": f"Bearer {where}"})
