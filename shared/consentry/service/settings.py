"""The deployment's settings, read once at start and validated as a whole.

Identity instead of secrets: there is no field for a connection string, an account key or a
signing key. A storage endpoint on this machine (loopback) means Azurite, whose one account key
is public and well known.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from consentry.azure.names import Container
from consentry.errors import SettingsError
from consentry.limits import NAME_CHARACTERS_MAX, RETENTION_DAYS_MAX, TENANT_CHARACTERS_MAX
from consentry.trust.applications import Place

TENANT_PATTERN = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{TENANT_CHARACTERS_MAX - 2}}}[a-z0-9])?")

ENTRA: Final = "https://login.microsoftonline.com"

_DIRECTORY: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _split(value: object) -> object:
    """Turn ``a, b`` into a tuple; anything that is not text is left to pydantic."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


Days = Annotated[int, Field(ge=0, le=RETENTION_DAYS_MAX)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
PREFIX: Final = "CONSENTRY_"


RETAINED: Final = (
    Container.INBOX,
    Container.REDACTED,
    Container.QUARANTINE,
    Container.MANIFESTS,
)
"""Containers of which the settings say how long things are kept."""

_EXCEPTION: Final = re.compile(rf"({TENANT_PATTERN.pattern})\.([a-z]+)=([0-9]{{1,5}})")


@dataclass(frozen=True)
class RetentionDays:
    """Days that things are kept, by container, and by tenant where that differs."""

    usual: Mapping[Container, int]
    tenants: Mapping[str, Mapping[Container, int]]

    def of(self, tenant: str) -> Mapping[Container, int]:
        """Give the days of one tenant."""
        return {**self.usual, **self.tenants.get(tenant, {})}


_PLATFORM_HOSTNAME: Final = "WEBSITE_HOSTNAME"  # as Azure, and Core Tools, tell every app


class Settings(BaseModel):
    """Settings of one deployment; each field is the environment variable CONSENTRY_<FIELD>.

    An unknown name with that prefix is an error too: it is a setting that somebody believes in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Literal["production", "development"] = "production"
    tenants: Names = Field(description="Tenants that this deployment serves, by commas.")
    jurisdiction: Place = Field(
        description="Where it is used: ISO 3166, as DE or US-IL; approvals have to hold there."
    )
    contact: str = Field(
        min_length=3,
        max_length=NAME_CHARACTERS_MAX,
        description="Whom people may ask about it: a mail address or a page.",
    )
    work_blob_endpoint: str = Field(description="Blob endpoint of the work storage account.")
    work_table_endpoint: str = Field(description="Table endpoint of the work storage account.")
    work_queue_endpoint: str = Field(description="Queue endpoint of the work storage account.")
    audit_blob_endpoint: str = Field(description="Blob endpoint of the evidence storage account.")
    identity_client_id: str = Field("", description="Client id of the user-assigned identity.")
    vault_url: str = Field("", description="Key Vault that holds the signing and wrapping keys.")
    local_keys: Path | None = Field(None, description="Folder of key files; development only.")
    authority: str = Field(ENTRA, description="Who issues people's tokens: Entra ID.")
    audience: str = Field("", description="Client id that people's tokens are issued for.")
    operator_directory: str = Field("", description="Entra directory of reviewers and auditors.")
    tenant_directories: Names = Field(
        (), description="Entra directories of tenants: tenant=directory, by commas."
    )
    local_issuer: Path | None = Field(
        None, description="JWK set of the development issuer; development only."
    )
    layer: Path = Field(description="Folder of the model layer.")
    url_hosts: Names = Field((), description="Hosts from which detect may fetch a picture.")
    callback_hosts: Names = Field((), description="Hosts that may be told of a job's end.")
    inbox_days: Days = Field(30, description="Days that an upload may lie in the inbox.")
    redacted_days: Days = Field(30, description="Days that results by upload are kept.")
    quarantine_days: Days = Field(30, description="Days that failed uploads are kept.")
    manifests_days: Days = Field(400, description="Days that manifests of redactions are kept.")
    tenant_retention: Names = Field(
        (), description="Days for single tenants: tenant.container=days, by commas."
    )
    hostname: str = Field(
        "",
        pattern=r"^([a-z0-9.-]+(:[0-9]{1,5})?)?$",
        description="Host name by which callers reach it, if not by the platform's own.",
    )
    keep_originals: Names = Field((), description="Tenants whose uploads stay in the inbox.")
    mask_kind: Literal["solid", "pixelate", "blur"] = "solid"
    mask_shape: Literal["ellipse", "rectangle"] = "ellipse"
    piece_seconds: int = Field(
        10, ge=1, le=60, description="Seconds of a piece of a video, at least; each is a message."
    )
    threads: int = Field(2, ge=1, le=64, description="Threads of one model run.")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not self.tenants:
            raise ValueError("CONSENTRY_TENANTS names no tenant")
        for tenant in (*self.tenants, *self.keep_originals):
            if not TENANT_PATTERN.fullmatch(tenant):
                raise ValueError("a tenant id is lower-case letters, digits and inner hyphens")
        if not set(self.keep_originals) <= set(self.tenants):
            raise ValueError("CONSENTRY_KEEP_ORIGINALS names a tenant that is not served")
        if bool(self.vault_url) == (self.local_keys is not None):
            raise ValueError("set exactly one of CONSENTRY_VAULT_URL and CONSENTRY_LOCAL_KEYS")
        self._check_issuers()
        self._check_retention()
        if self.environment == "production":
            self._refuse_local_parts()
        return self

    def _check_issuers(self) -> None:
        named = [entry.partition("=")[::2] for entry in self.tenant_directories]
        directories = [directory for _, directory in named]
        if not {tenant for tenant, _ in named} <= set(self.tenants):
            raise ValueError("CONSENTRY_TENANT_DIRECTORIES names a tenant that is not served")
        if len(set(directories)) != len(directories):
            raise ValueError("a directory belongs to one tenant")
        operator = (self.operator_directory,) if self.operator_directory else ()
        if not all(_DIRECTORY.fullmatch(found) for found in (*operator, *directories)):
            raise ValueError("an Entra directory is named by its id in lower case")
        if not is_authority(self.authority):
            raise ValueError("CONSENTRY_AUTHORITY is Entra ID, or a stand-in on this machine")
        if bool(self.audience) != bool(operator or self.local_issuer):
            raise ValueError("CONSENTRY_AUDIENCE and the issuers are set together")
        if self.local_issuer and (operator or directories):
            raise ValueError("the development issuer stands alone")
        if directories and not operator:
            raise ValueError("CONSENTRY_OPERATOR_DIRECTORY is missing: nobody could review")

    def _check_retention(self) -> None:
        for entry in self.tenant_retention:
            found = _EXCEPTION.fullmatch(entry)
            if found is None or found[2] not in RETAINED:
                raise ValueError("CONSENTRY_TENANT_RETENTION is tenant.container=days, by commas")
            if int(found[3]) > RETENTION_DAYS_MAX:
                raise ValueError(f"CONSENTRY_TENANT_RETENTION is at most {RETENTION_DAYS_MAX} days")
            if found[1] not in self.tenants:
                raise ValueError("CONSENTRY_TENANT_RETENTION names a tenant that is not served")
        named = [entry.partition("=")[0] for entry in self.tenant_retention]
        if len(set(named)) != len(named):
            raise ValueError("CONSENTRY_TENANT_RETENTION says a thing twice")

    def retention(self) -> RetentionDays:
        """Days that things are kept."""
        usual = {
            Container.INBOX: self.inbox_days,
            Container.REDACTED: self.redacted_days,
            Container.QUARANTINE: self.quarantine_days,
            Container.MANIFESTS: self.manifests_days,
        }
        tenants: dict[str, dict[Container, int]] = {}
        for found in filter(None, map(_EXCEPTION.fullmatch, self.tenant_retention)):
            tenants.setdefault(found[1], {})[Container(found[2])] = int(found[3])
        return RetentionDays(usual, tenants)

    def directories(self) -> Mapping[str, str]:
        """Tenants by the Entra directory of their people."""
        named = (entry.partition("=")[::2] for entry in self.tenant_directories)
        return {directory: tenant for tenant, directory in named}

    def _refuse_local_parts(self) -> None:
        if self.local_keys is not None:
            raise ValueError("CONSENTRY_LOCAL_KEYS is for development only")
        if self.local_issuer is not None:
            raise ValueError("CONSENTRY_LOCAL_ISSUER is for development only")
        for endpoint in (
            self.work_blob_endpoint,
            self.work_table_endpoint,
            self.work_queue_endpoint,
            self.audit_blob_endpoint,
            self.vault_url,
        ):
            if urlsplit(endpoint).scheme != "https":
                raise ValueError("production endpoints are https")

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings from the process environment, or from the mapping given.

        Raises SettingsError that names everything missing or wrong at once.
        """
        found = os.environ if environment is None else environment
        fields = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in found.items()
            if name.startswith(PREFIX)
        }
        fields["hostname"] = fields.get("hostname") or found.get(_PLATFORM_HOSTNAME, "").lower()
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None


def is_loopback(endpoint: str) -> bool:
    """Tell whether an endpoint lies on this machine, which only an emulator's does."""
    host = urlsplit(endpoint).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_authority(address: str) -> bool:
    """Tell whether tokens may be issued there: by Entra ID, or by a stand-in on this machine.

    A stand-in is over TLS and on the loopback interface, where no deployment has one.
    """
    parts = urlsplit(address)
    plain = address == f"{parts.scheme}://{parts.netloc}" and parts.username is None
    return address == ENTRA or (parts.scheme == "https" and plain and is_loopback(address))


def log_origin(settings: Settings) -> str:
    """Name the audit log for its checkpoints: where it lies, without scheme and port."""
    parts = urlsplit(settings.audit_blob_endpoint)
    return f"{parts.hostname}{parts.path.rstrip('/')}/{Container.AUDIT}"


def _explain(error: ValidationError) -> str:
    """One line per fault, by variable name, without the value."""
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        where = f"{PREFIX}{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""
        lines.append(f"{where}{fault['msg']}")
    return "The settings are not complete:\n  " + "\n  ".join(lines)
