"""What each request to a storage account needs, by Microsoft's "Authorize with Microsoft Entra ID".

An operation that is not on these lists is refused by name: nothing passes unweighed.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from local.rights import BLOBS, CONTAINERS, DELEGATION_KEY, ENTITIES, MESSAGES, QUEUES, TABLES, Need
from local.wire import RefusedRequestError, Request

# Of requests on one blob: method and ``comp``, and the actions any one of which suffices. Where
# "add" is among them it suffices for a blob that is not there yet.
WRITE: Final = f"{BLOBS}/write"
ADD: Final = f"{BLOBS}/add/action"
BLOB_ACTIONS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("GET", ""): (f"{BLOBS}/read",),
    ("HEAD", ""): (f"{BLOBS}/read",),
    ("GET", "metadata"): (f"{BLOBS}/read",),
    ("HEAD", "metadata"): (f"{BLOBS}/read",),
    ("GET", "blocklist"): (f"{BLOBS}/read",),
    ("PUT", ""): (WRITE, ADD),
    ("PUT", "block"): (WRITE,),
    ("PUT", "blocklist"): (WRITE,),
    ("PUT", "appendblock"): (WRITE, ADD),
    ("PUT", "metadata"): (WRITE,),
    ("PUT", "properties"): (WRITE,),
    ("PUT", "tier"): (WRITE,),
    ("PUT", "snapshot"): (WRITE, ADD),
    ("PUT", "lease"): (WRITE,),
    ("DELETE", ""): (f"{BLOBS}/delete",),
}
CONTAINER_ACTIONS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("GET", "list"): (f"{BLOBS}/read",),
    ("GET", ""): (f"{CONTAINERS}/read",),
    ("HEAD", ""): (f"{CONTAINERS}/read",),
    ("PUT", ""): (f"{CONTAINERS}/write",),
    ("DELETE", ""): (f"{CONTAINERS}/delete",),
}
QUEUE_ACTIONS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("PUT", ""): (f"{QUEUES}/write",),
    ("DELETE", ""): (f"{QUEUES}/delete",),
    ("GET", "metadata"): (f"{QUEUES}/read",),
}
MESSAGES_ACTIONS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("GET", ""): (f"{MESSAGES}/process/action",),
    ("GET", "peek"): (f"{MESSAGES}/read",),
    ("POST", ""): (f"{MESSAGES}/write", f"{MESSAGES}/add/action"),
    ("DELETE", ""): (f"{MESSAGES}/delete",),
}
MESSAGE_ACTIONS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("PUT", ""): (f"{MESSAGES}/write",),
    ("DELETE", ""): (f"{MESSAGES}/delete", f"{MESSAGES}/process/action"),
}
ENTITY_ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    "GET": (f"{ENTITIES}/read",),
    "POST": (f"{ENTITIES}/write", f"{ENTITIES}/add/action"),
    "PUT": (f"{ENTITIES}/write", f"{ENTITIES}/update/action"),
    "PATCH": (f"{ENTITIES}/write", f"{ENTITIES}/update/action"),
    "MERGE": (f"{ENTITIES}/write", f"{ENTITIES}/update/action"),
    "DELETE": (f"{ENTITIES}/delete",),
}
_TABLE: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\(.*\))?")
_BATCHED: Final = re.compile(
    rb"^(GET|POST|PUT|PATCH|MERGE|DELETE) https?://[^/\s]+/([A-Za-z][A-Za-z0-9]*)[^\s]* HTTP/1\.1",
    re.MULTILINE,
)
# What an address can be signed for, by letter, of what an address of this service may hold.
SIGNED: Final = {"r": ("GET", "HEAD"), "c": ("PUT",), "w": ("PUT",), "d": ("DELETE",)}


@dataclass(frozen=True)
class Blob:
    """A blob's place in its account."""

    container: str
    name: str


def blob_of(request: Request) -> Blob | None:
    """The blob that a request to a blob service names, or None where it names no blob."""
    container, _, name = "/".join(request.parts).partition("/")
    return Blob(container, name) if name else None


def container_scope(account_id: str, container: str) -> str:
    """Id of a container."""
    return f"{account_id}/blobServices/default/containers/{container}"


def blob_need(account_id: str, request: Request) -> Need:
    """What a request to the blob service needs."""
    comp = request.query.get("comp", "")
    if not request.parts:
        if (request.method, comp) == ("POST", "userdelegationkey"):
            return Need((DELEGATION_KEY,), account_id)
        raise _unknown(request)
    scope = container_scope(account_id, request.parts[0])
    if blob_of(request) is not None:
        return _need(BLOB_ACTIONS, request, comp, scope)
    return _need(CONTAINER_ACTIONS, request, comp, scope)


def copy_source_need(account_id: str, source: Request) -> Need:
    """What is needed of the blob that is copied."""
    return Need((f"{BLOBS}/read",), container_scope(account_id, source.parts[0]))


def queue_need(account_id: str, request: Request) -> Need:
    """What a request to the queue service needs."""
    comp = request.query.get("comp", "")
    match request.parts:
        case [queue]:
            table = QUEUE_ACTIONS
        case [queue, "messages"]:
            table = MESSAGES_ACTIONS
            comp = "peek" if request.query.get("peekonly") == "true" else comp
        case [queue, "messages", _]:
            table = MESSAGE_ACTIONS
        case _:
            raise _unknown(request)
    return _need(table, request, comp, f"{account_id}/queueServices/default/queues/{queue}")


def table_needs(account_id: str, request: Request) -> list[Need]:
    """What a request to the table service needs; of a transaction, each of its parts."""
    if request.parts == ["$batch"]:
        parts = _BATCHED.findall(request.body)
        if not parts:
            raise _unknown(request)
        return [_entity_need(account_id, verb.decode(), name.decode()) for verb, name in parts]
    [part] = request.parts if len(request.parts) == 1 else [""]
    found = _TABLE.fullmatch(part)
    if found is None or request.query.get("comp"):
        raise _unknown(request)
    if found[1] == "Tables":
        verbs = {"GET": "read", "POST": "write", "DELETE": "delete"}
        if request.method not in verbs:
            raise _unknown(request)
        return [Need((f"{TABLES}/{verbs[request.method]}",), account_id)]
    return [_entity_need(account_id, request.method, found[1])]


def _entity_need(account_id: str, method: str, table: str) -> Need:
    return Need(ENTITY_ACTIONS[method], f"{account_id}/tableServices/default/tables/{table}")


def _need(
    table: dict[tuple[str, str], tuple[str, ...]], request: Request, comp: str, scope: str
) -> Need:
    actions = table.get((request.method, comp))
    if actions is None:
        raise _unknown(request)
    return Need(actions, scope)


def _unknown(request: Request) -> RefusedRequestError:
    """The local cloud must not pass what it cannot weigh."""
    operation = f"{request.method} comp={request.query.get('comp', '')}"
    return RefusedRequestError(
        HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", {"x-consentry-unknown": operation}
    )
