"""The edge to Azure's client libraries: their errors, their patience and their logs.

Nothing of theirs crosses it: an error becomes one of ours, without its text, which may hold
names and addresses; a dead service is given up within seconds; and what the libraries log,
blob names and addresses among it, goes nowhere.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from requests import Session

from consentry.azure.sending import SendingTogether
from consentry.errors import ConflictError, NotFoundError, StorageError

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 20  # between two packets of an answer
RETRIES: Final = 2
BACKOFF_SECONDS: Final = 0.2
CONNECTIONS: Final = 64  # kept open per service; a worker has up to 32 threads

_LIBRARIES: Final = (
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.keyvault",
    "azure.storage",
    "msal",
    "requests",
    "urllib3",
)
_RANGE_NOT_SATISFIABLE: Final = 416
_CONFLICT: Final = frozenset({409, 412})
_MISSING_STORE: Final = frozenset(
    {
        *("ContainerNotFound", "ContainerBeingDeleted"),
        *("QueueNotFound", "QueueBeingDeleted"),
        *("TableNotFound", "TableBeingDeleted"),
    }
)
_CODE: Final = re.compile(r"[A-Za-z]{1,64}")


class EmptyRangeError(StorageError):
    """A range was asked for of which the blob has no byte; does not leave the adapters."""


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn whatever Azure's libraries raise into StorageError, ConflictError or NotFoundError."""
    try:
        yield
    except HttpResponseError as error:
        raise _ours(error) from None
    except (AzureError, OSError):  # OSError: connections that break while content streams
        raise StorageError("the storage service or key vault did not answer") from None


def _ours(error: HttpResponseError) -> StorageError | NotFoundError:
    # Storage libraries set ``error_code``; the key vault's answer has the code in ``error``.
    named = getattr(error, "error_code", None) or getattr(error.error, "code", None)
    code = str(getattr(named, "value", named or ""))
    code = code if _CODE.fullmatch(code) else "an unnamed error"
    if code not in _MISSING_STORE:
        if isinstance(error, ResourceNotFoundError):
            return NotFoundError("nothing of that name is stored")
        changed = isinstance(error, ResourceExistsError | ResourceModifiedError)
        if changed or error.status_code in _CONFLICT:
            return ConflictError("the thing exists already or was changed meanwhile")
    if error.status_code == _RANGE_NOT_SATISFIABLE:
        return EmptyRangeError("the blob has no such range")
    return StorageError(f"the service answered {error.status_code or 'nothing'}: {code}")


def client_options() -> dict[str, Any]:
    """Options of every client: timeouts, few retries, room for threads; silences the logs."""
    _silence()
    session = Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, SendingTogether(pool_connections=4, pool_maxsize=CONNECTIONS))
    return {
        "session": session,
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retry_total": RETRIES,
    }


def _silence() -> None:
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
