"""Storage accounts: Azurite behind each, and in front of it what Azurite lacks.

Azurite takes any token for an all-powerful one. So nothing reaches it before the local cloud has
read the token, asked the role assignments, and looked whether an immutability policy forbids the
operation. Shared keys, public containers and addresses signed by an account key open only what
the account's own properties open.
"""

import base64
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from consentry.errors import LocalStackError
from consentry.localhost.azurite import Azurite, Secured
from local.certificates import Certificate
from local.cloud import Cloud, RefusedError, Resource
from local.gateway import HOP_BY_HOP
from local.identity import STORAGE, Identities, Who
from local.operations import (
    SIGNED,
    WRITE,
    Blob,
    blob_need,
    blob_of,
    container_scope,
    copy_source_need,
    queue_need,
    table_needs,
)
from local.rights import Need, Rights
from local.wire import RefusedRequestError, Reply, Request, Service

DOMAIN: Final = ".core.windows.net"
ACCOUNT_KEY_BYTES: Final = 64
API_VERSION: Final = "2021-12-02"
FORWARD_SECONDS_MAX: Final = 60.0
PLATFORM: Final = Who("00000000-0000-4000-8000-0000000000a2")  # Azure itself, below all roles
_MADE: Final = (HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
_REPLACES: Final = ("", "blocklist")
_CHANGES: Final = ("metadata", "properties", "tier")


@dataclass(frozen=True)
class Created:
    """A blob that was written, as its event tells."""

    account: Resource
    url: str
    blob: Blob
    etag: str
    blob_type: str
    api: str


@dataclass
class Account:
    """One account that runs."""

    resource: Resource
    azurite: Azurite
    client: httpx.Client

    def base(self, service: str) -> httpx.URL:
        """Where Azurite serves one of the account's services."""
        endpoints = {
            "blob": self.azurite.blob_endpoint,
            "queue": self.azurite.queue_endpoint,
            "table": self.azurite.table_endpoint,
        }
        return httpx.URL(endpoints[service])


class Accounts:
    """Stands behind storage accounts and what lies in them."""

    def __init__(
        self,
        root: Path,
        certificate: Certificate,
        cloud: Cloud,
        identities: Identities,
        rights: Rights,
    ) -> None:
        self._root = root
        self._certificate = certificate
        self._trusted = ssl.create_default_context(cafile=certificate.public)
        self._cloud = cloud
        self._identities = identities
        self._rights = rights
        self._running: dict[str, Account] = {}
        self.on_created: Callable[[Created], None] = lambda _created: None

    def make(self, resource: Resource) -> None:
        """Start an account, or make a container, queue or table in one."""
        name = resource.inputs["accountName"]
        match resource.token.rpartition(":")[2]:
            case "StorageAccount":
                self._running[name] = self._start(resource)
            case "BlobContainer":
                public = resource.inputs.get("publicAccess", "None")
                headers = {} if public == "None" else {"x-ms-blob-public-access": public.lower()}
                target = f"/{resource.inputs['containerName']}?restype=container"
                self._must(name, "blob", "PUT", target, headers)
            case "Queue":
                self._must(name, "queue", "PUT", f"/{resource.inputs['queueName']}")
            case "Table":
                body = f'{{"TableName":"{resource.inputs["tableName"]}"}}'.encode()
                headers = {"Content-Type": "application/json"}
                self._must(name, "table", "POST", "/Tables", headers, body)

    def change(self, resource: Resource) -> None:
        """Take over an account's properties; the rest cannot change."""
        account = self._running[resource.inputs["accountName"]]
        if resource.id == account.resource.id:
            account.resource = resource

    def remove(self, resource: Resource) -> None:
        """Stop an account, or delete a container, queue or table."""
        name = resource.inputs["accountName"]
        match resource.token.rpartition(":")[2]:
            case "StorageAccount":
                account = self._running.pop(name)
                account.client.close()
                account.azurite.stop()
            case "BlobContainer":
                target = f"/{resource.inputs['containerName']}?restype=container"
                self._must(name, "blob", "DELETE", target)
            case "Queue":
                self._must(name, "queue", "DELETE", f"/{resource.inputs['queueName']}")
            case "Table":
                target = f"/Tables('{resource.inputs['tableName']}')"
                self._must(name, "table", "DELETE", target)

    def stop(self) -> None:
        """Stop whatever still runs."""
        while self._running:
            account = self._running.popitem()[1]
            account.client.close()
            account.azurite.stop()

    def find(self, host: str) -> Service | None:
        """The service of a host name, ``ACCOUNT.SERVICE.core.windows.net``."""
        if not host.endswith(DOMAIN):
            return None
        name, _, service = host.removesuffix(DOMAIN).partition(".")
        account = self._running.get(name)
        serve = {"blob": self._blob, "queue": self._queue, "table": self._table}.get(service)
        if account is None or serve is None:
            return None
        return lambda request: serve(account, request)

    def _start(self, resource: Resource) -> Account:
        key = base64.b64encode(secrets.token_bytes(ACCOUNT_KEY_BYTES)).decode()
        files = self._certificate
        secured = Secured(resource.inputs["accountName"], key, files.public, files.private)
        azurite = Azurite(self._root, secured=secured)
        azurite.launch()
        try:
            azurite.wait()
        except LocalStackError:
            azurite.stop()
            raise
        client = httpx.Client(
            verify=self._trusted,
            trust_env=False,  # straight to Azurite, not through the proxy
            timeout=FORWARD_SECONDS_MAX,
            limits=httpx.Limits(max_connections=None),
        )
        return Account(resource, azurite, client)

    def _blob(self, account: Account, request: Request) -> Reply:
        need = blob_need(account.resource.id, request)
        blob = blob_of(request)
        comp = request.query.get("comp", "")
        replaces = request.method == "PUT" and comp in _REPLACES and blob is not None
        there = replaces and self._exists(account, request)
        if there and request.headers.get("if-none-match") != "*":
            need = Need((WRITE,), need.scope)
        self._admit(account, request, need)
        self._keep(account, request, there=there)
        reply = self._forward(account, "blob", request)
        if blob is not None and replaces and reply.status in _MADE:
            self.on_created(_created(account, request, blob, reply))
        return reply

    def _queue(self, account: Account, request: Request) -> Reply:
        self._admit(account, request, queue_need(account.resource.id, request))
        return self._forward(account, "queue", request)

    def _table(self, account: Account, request: Request) -> Reply:
        for need in table_needs(account.resource.id, request):
            self._admit(account, request, need)
        return self._forward(account, "table", _emulated(account, request))

    def _admit(self, account: Account, request: Request, need: Need) -> None:
        """Refuse whoever has no right to an operation."""
        who = self._who(account, request, need)
        if who is None:
            return
        self._rights.require(who, need)
        source = request.headers.get("x-ms-copy-source")
        if source is not None:
            parts = urlsplit(source)
            if (parts.hostname or "") != request.host:
                raise RefusedRequestError(HTTPStatus.FORBIDDEN, "CopySourceNotAllowed")
            copied = Request("GET", request.host, parts.path)
            self._rights.require(who, copy_source_need(account.resource.id, copied))

    def _who(self, account: Account, request: Request, need: Need) -> Who | None:
        """Tell who asks; None for one whom the account itself admits, without any role."""
        properties = account.resource.inputs
        if request.bearer:
            who = self._identities.read(request.bearer, STORAGE)
            if who is None:
                raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, "InvalidAuthenticationInfo")
            return who
        signed_by = request.query.get("skoid")
        if signed_by:
            # Azurite checks the signature; the rights of who lent it are ours to check.
            if not any(request.method in SIGNED.get(c, ()) for c in request.query.get("sp", "")):
                raise RefusedRequestError(HTTPStatus.FORBIDDEN, "AuthorizationPermissionMismatch")
            return Who(signed_by)
        if "authorization" in request.headers or "sig" in request.query:
            if properties.get("allowSharedKeyAccess") is not False:
                return None
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, "KeyBasedAuthenticationNotPermitted")
        container = self._cloud.read(need.scope)
        public = container is not None and container.inputs.get("publicAccess", "None") != "None"
        if not properties.get("allowBlobPublicAccess"):
            raise RefusedRequestError(HTTPStatus.CONFLICT, "PublicAccessNotPermitted")
        if not public or request.method not in ("GET", "HEAD"):
            raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, "NoAuthenticationInformation")
        return None

    def _keep(self, account: Account, request: Request, *, there: bool) -> None:
        """Refuse what an immutability policy forbids, whoever asks."""
        scope = container_scope(account.resource.id, request.parts[0]) if request.parts else ""
        policy = self._cloud.read(f"{scope}/immutabilityPolicies/default")
        if policy is None:
            return
        comp = request.query.get("comp", "")
        appended = policy.inputs.get("allowProtectedAppendWrites") is True
        protected = request.headers.get("if-none-match") != "*"
        if (
            request.method == "DELETE"
            or (request.method == "PUT" and comp in _CHANGES)
            or (request.method == "PUT" and comp == "appendblock" and not appended)
            or (there and protected)
        ):
            raise RefusedRequestError(HTTPStatus.CONFLICT, "BlobImmutableDueToPolicy")

    def _exists(self, account: Account, request: Request) -> bool:
        head = Request("HEAD", request.host, request.path, self._platform())
        return self._forward(account, "blob", head).status == HTTPStatus.OK

    def _platform(self) -> dict[str, str]:
        token = self._identities.issue(PLATFORM, STORAGE)
        return {
            "authorization": f"Bearer {token}",
            "x-ms-version": API_VERSION,
            "accept": "application/json",
        }

    def _must(
        self,
        name: str,
        service: str,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Have Azurite do something in the name of the platform."""
        host = f"{name}.{service}{DOMAIN}"
        request = Request(method, host, target, {**self._platform(), **(headers or {})}, body)
        reply = self._forward(self._running[name], service, request)
        if not HTTPStatus(reply.status).is_success:
            raise RefusedError(f"Azurite answered {reply.status} to {method} {target}")

    def _forward(self, account: Account, service: str, request: Request) -> Reply:
        headers = {n: v for n, v in request.headers.items() if n not in HOP_BY_HOP}
        asked = account.client.build_request(
            request.method,
            account.base(service).copy_with(raw_path=request.target.encode("ascii")),
            headers={**headers, "host": request.host},
            content=request.body,
        )
        answer = account.client.send(asked, stream=True)
        try:
            body = b"".join(answer.iter_raw())
        finally:
            answer.close()
        return Reply(answer.status_code, dict(answer.headers), body)


def _emulated(account: Account, request: Request) -> Request:
    """Azurite finds the account of a transaction by the emulator's form of addresses only."""
    if request.parts != ["$batch"]:
        return request
    endpoint = account.base("table")
    body = request.body.replace(f"https://{request.host}/".encode(), f"{endpoint}/".encode())
    return replace(
        request, host=endpoint.netloc.decode(), target=f"{endpoint.path}/$batch", body=body
    )


def _created(account: Account, request: Request, blob: Blob, reply: Reply) -> Created:
    copied = "x-ms-copy-source" in request.headers
    listed = request.query.get("comp") == "blocklist"
    return Created(
        account.resource,
        f"https://{request.host}{request.path}",
        blob,
        reply.headers.get("etag", "").strip('"'),
        request.headers.get("x-ms-blob-type", "BlockBlob"),
        "CopyBlob" if copied else "PutBlockList" if listed else "PutBlob",
    )
