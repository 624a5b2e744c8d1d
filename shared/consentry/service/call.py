"""What a trigger hands to the gate: who seems to ask, for what, and how it came."""

from dataclasses import dataclass
from enum import StrEnum

from consentry.trust.operations import Operation


class Trigger(StrEnum):
    """How an invocation came."""

    HTTP = "http"
    BLOB = "blob"
    QUEUE = "queue"
    TIMER = "timer"
    COMMAND = "command"


@dataclass(frozen=True, repr=False)
class ApiKey:
    """A caller's key as it stood in the request's header, not yet looked at."""

    text: str


@dataclass(frozen=True, repr=False)
class BearerToken:
    """A person's token as it stood in the request's header, not yet looked at."""

    text: str


@dataclass(frozen=True, repr=False)
class SubjectCode:
    """A person's withdrawal code as it stood in the request's header, not yet looked at."""

    text: str


@dataclass(frozen=True)
class InboxEvent:
    """A blob appeared in the tenant's part of the inbox.

    ``on_behalf_of`` is the id of the caller's key that asked for the address, if one did.
    """

    tenant: str
    on_behalf_of: str = ""


@dataclass(frozen=True)
class JobStep:
    """A step of a job that was let in before; ``on_behalf_of`` is the id of who asked for it."""

    tenant: str
    on_behalf_of: str = ""


@dataclass(frozen=True)
class SystemTimer:
    """The service's own timer, or a message that the platform put aside."""


@dataclass(frozen=True)
class OperatorCommand:
    """A command by whoever has access to the stores themselves; no trigger makes one."""


Credential = (
    ApiKey | BearerToken | SubjectCode | InboxEvent | JobStep | SystemTimer | OperatorCommand
)


@dataclass(frozen=True)
class Call:
    """One invocation as it arrives; the last three are as sent, and are checked by the gate.

    ``consent`` names a receipt, or the pseudonym of a person, as the approval asks for.
    """

    operation: Operation
    credential: Credential
    trigger: Trigger
    request_id: str
    traceparent: str = ""
    client_request_id: str = ""
    consent: str = ""
