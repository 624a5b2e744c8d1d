"""What a stack may choose, typed and checked as a whole before anything is registered.

Each top-level field is one configuration key ``consentry:<field>``; a nested one is set by path:
``pulumi config set --path consentry:retention.redacted_days 14``. A second tenant differs from
the first by these values alone.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from consentry.limits import TENANT_CHARACTERS_MAX
from consentry.service.settings import ENTRA, TENANT_PATTERN, is_authority
from consentry.trust.applications import Place

PROJECT: Final = "consentry"
STACK_PATTERN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])")
OWN_TAG_PREFIX: Final = "consentry-"
TAG_VALUE_CHARACTERS_MAX: Final = 256  # Azure's

Days = Annotated[int, Field(ge=1, le=36_500)]
Retained = Literal["inbox", "redacted", "quarantine", "manifests"]
Tenant = Annotated[
    str,
    StringConstraints(pattern=f"^{TENANT_PATTERN.pattern}$", max_length=TENANT_CHARACTERS_MAX),
]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]+[0-9]?$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class ConfigError(Exception):
    """The configuration of the stack cannot be used; the message names each key."""


class Part(BaseModel):
    """A part of the configuration: an unknown name is an error, since somebody believes in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(Part):
    """How the service treats pictures; each field is the app setting of the same name."""

    keep_originals: tuple[Tenant, ...] = ()
    url_hosts: tuple[str, ...] = ()
    callback_hosts: tuple[str, ...] = ()  # that may be told of the end of a video's job
    hostname: Annotated[str, Field(pattern=r"^[a-z0-9.-]*$")] = ""  # a domain of one's own
    mask_kind: Literal["solid", "pixelate", "blur"] = "solid"
    mask_shape: Literal["ellipse", "rectangle"] = "ellipse"
    piece_seconds: Annotated[int, Field(ge=1, le=60)] = 10  # of a video; each is a message


class Retention(Part):
    """After how many days things are deleted, and how long the audit log cannot be.

    The service goes by them, and by what a decision on access says if that is shorter. The platform
    deletes by the longest of each, should the service not run.
    """

    tenants: dict[Tenant, dict[Retained, Days]] = {}  # where one tenant's days differ
    inbox_days: Days = 30  # originals of tenants that keep them; others leave at once
    redacted_days: Days = 30
    quarantine_days: Days = 30
    manifests_days: Days = 400
    deletions_days: Days = 730  # receipts; they hold nothing of what was deleted
    undelivered_days: Days = 14  # events that the app did not take
    audit_locked_days: Days = 365  # append only, by the platform
    audit_kept_days: Days = 730
    telemetry_days: Annotated[int, Field(ge=30, le=730)] = 90

    def longest(self, container: Retained) -> int:
        """Days of the tenant whose things are kept longest."""
        days = [each[container] for each in self.tenants.values() if container in each]
        return max([int(getattr(self, f"{container}_days")), *days])

    @model_validator(mode="after")
    def _audit_outlives_its_lock(self) -> Self:
        if self.audit_kept_days < self.audit_locked_days:
            raise ValueError("audit_kept_days is shorter than audit_locked_days")
        return self


Replication = Literal["LRS", "ZRS", "GRS", "GZRS"]


class Redundancy(Part):
    """How often data is stored: what was recorded survives a region, work in progress a zone."""

    work: Replication = "ZRS"
    evidence: Replication = "GZRS"


class Capacity(Part):
    """Size and number of instances (Flex Consumption).

    2048 MB are one core and hold both models with the host; 512 MB do not. Requests of one
    instance share its core, so two at a time keep it busy while a picture is read. One
    always-ready instance saves the cold start of the first caller, at a monthly price. The most
    instances bound what a burst of uploads can cost; what they cannot take waits.
    """

    memory_mb: Literal[2048, 4096] = 2048
    concurrent_requests: Annotated[int, Field(ge=1, le=16)] = 2
    always_ready_http: Annotated[int, Field(ge=0, le=20)] = 0
    always_ready_uploads: Annotated[int, Field(ge=0, le=20)] = 0
    instances_max: Annotated[int, Field(ge=1, le=1000)] = 40

    @property
    def threads(self) -> int:
        """Threads of one model run: the cores of an instance."""
        return self.memory_mb // 2048


class Network(Part):
    """Private networking, by one switch.

    Without it everything is reachable from the internet and guarded by identity and TLS alone.
    With it storage and vault are reached by private endpoints, and from ``clients`` only.
    """

    private: bool = False
    address_space: IPv4Network = IPv4Network("10.90.0.0/24")
    clients: tuple[IPv4Network, ...] = ()  # who may call, upload, audit and publish from outside

    @model_validator(mode="after")
    def _room_for_two_subnets(self) -> Self:
        if not 16 <= self.address_space.prefixlen <= 26:
            raise ValueError("address_space is between /16 and /26, to hold two subnets of a /27")
        if self.clients and not self.private:
            raise ValueError("clients are named only where private is on")
        if any(net.prefixlen > 30 and net.prefixlen != 32 for net in self.clients):
            raise ValueError("a range of clients is a single address or /30 and wider")
        return self


class Vault(Part):
    """Where the keys live and how often a new version is made."""

    hsm: bool = False
    rotate_days: Annotated[int, Field(ge=28, le=3_650)] = 365


class People(Part):
    """Object ids of the Entra groups that have a part in this deployment."""

    reviewers: UUID
    auditors: UUID
    uploaders: UUID | None = None


class Tokens(Part):
    """Whose tokens the service takes: the client id they are for, and directories of Entra ID.

    ``operator`` is the directory of reviewers, auditors and admins, ``tenants`` that of each
    tenant's applicants and callers. Without audience and operator nobody can apply or review.
    """

    audience: UUID | None = None
    operator: UUID | None = None
    tenants: dict[Tenant, UUID] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.audience is None) is not (self.operator is None):
            raise ValueError("audience and operator are set together")
        if self.tenants and self.operator is None:
            raise ValueError("tenants apply to an operator: set audience and operator too")
        return self


class Budget(Part):
    """A monthly sum in the subscription's currency; passing it sends mail, it stops nothing."""

    monthly: Annotated[int, Field(ge=1)]
    start: date

    @model_validator(mode="after")
    def _starts_with_a_month(self) -> Self:
        if self.start.day != 1:
            raise ValueError("start is the first day of a month")
        return self


class StackConfig(Part):
    """All that one stack may choose."""

    tenants: Annotated[tuple[Tenant, ...], Field(min_length=1)]
    location: Region
    jurisdiction: Place
    contacts: Annotated[tuple[Email, ...], Field(min_length=1)]
    people: People
    budget: Budget
    tokens: Tokens = Tokens()
    service: Service = Service()
    retention: Retention = Retention()
    redundancy: Redundancy = Redundancy()
    capacity: Capacity = Capacity()
    network: Network = Network()
    vault: Vault = Vault()
    tags: dict[str, str] = {}
    protect: bool = True  # refuse whatever would delete or replace storage, vault or group
    package: Path = Path("../dist/consentry-package.zip")
    authority: str = ENTRA  # who issues tokens, to people and to whoever publishes the package

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not set(self.service.keep_originals) <= set(self.tenants):
            raise ValueError("service.keep_originals names a tenant that is not served")
        if not set(self.retention.tenants) <= set(self.tenants):
            raise ValueError("retention.tenants names a tenant that is not served")
        if not set(self.tokens.tenants) <= set(self.tenants):
            raise ValueError("tokens.tenants names a tenant that is not served")
        if not is_authority(self.authority):
            raise ValueError("authority is Entra ID, or a stand-in on the deploying machine")
        if len(",".join(self.tenants)) > TAG_VALUE_CHARACTERS_MAX:
            raise ValueError("tenants are more than fit into a tag; give some a stack of their own")
        if any(name.startswith(OWN_TAG_PREFIX) for name in self.tags):
            raise ValueError(f"tags that start with {OWN_TAG_PREFIX} are set by the program")
        return self

    @classmethod
    def load(cls, values: Mapping[str, str]) -> Self:
        """Read a stack's configuration: all keys of all namespaces, as the engine gives them.

        Raises ConfigError that names every key that is missing, wrong or unknown.
        """
        prefix = f"{PROJECT}:"
        fields = {
            name.removeprefix(prefix): _parsed(text)
            for name, text in values.items()
            if name.startswith(prefix)
        }
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ConfigError(_explain(error)) from None


def _parsed(text: str) -> Any:
    """Lists and objects come as JSON, everything else as plain text."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _explain(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in fault["loc"])
        lines.append(f"{PROJECT}:{where}: {fault['msg']}" if where else str(fault["msg"]))
    return "The stack's configuration cannot be used:\n  " + "\n  ".join(lines)


def check_stack_name(stack: str) -> None:
    """Refuse a stack name from which resource names cannot be made."""
    if not STACK_PATTERN.fullmatch(stack):
        raise ConfigError(
            "A stack is named by 2 to 32 lower-case letters, digits and inner hyphens."
        )
