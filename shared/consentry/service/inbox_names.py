"""What a blob's name in the inbox says: whose it is and what is to be done with it.

``{tenant}/{name}`` is a picture to redact. Below ``{tenant}/verify/`` lie pictures to compare
and the requests that name them, ``{name}.verify.json``; nothing there is redacted.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from consentry.errors import ArgumentError
from consentry.limits import BLOB_NAME_CHARACTERS_MAX
from consentry.service.settings import TENANT_PATTERN

VERIFY_FOLDER: Final = "verify/"
REQUEST_SUFFIX: Final = ".verify.json"
RESULT_SUFFIX: Final = ".verify.result.json"
MANIFEST_SUFFIX: Final = ".manifest.json"  # beside a result
REASON_SUFFIX: Final = ".reason.json"  # beside what lies in quarantine
NO_TENANT: Final = "_unknown"  # no tenant id starts with an underscore
UPLOAD_ID_CHARACTERS: Final = 32

_UNUSABLE: Final = "_unusable/"
_OURS: Final = (RESULT_SUFFIX, MANIFEST_SUFFIX, REASON_SUFFIX)
# Control characters, and what XML cannot hold: one such name can spoil the whole listing.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ufffe\uffff]")
_ELSEWHERE: Final = frozenset({".", ".."})


class Purpose(StrEnum):
    """What an upload is there for."""

    REDACT = "redact"
    PROBE_OR_REFERENCE = "probe_or_reference"
    VERIFY_REQUEST = "verify_request"


@dataclass(frozen=True)
class UploadName:
    """The name of a blob in the inbox, taken apart; ``name`` is relative to the tenant."""

    blob: str
    tenant: str
    name: str

    @classmethod
    def parse(cls, blob: str) -> Self:
        """Take a name apart; what lies in no tenant's folder belongs to ``NO_TENANT``."""
        tenant, _, name = blob.partition("/")
        if not name or not TENANT_PATTERN.fullmatch(tenant):
            return cls(blob, NO_TENANT, blob)
        return cls(blob, tenant, name)

    @property
    def purpose(self) -> Purpose:
        """What the name asks for."""
        if not self.name.startswith(VERIFY_FOLDER):
            return Purpose.REDACT
        if self.name.endswith(REQUEST_SUFFIX):
            return Purpose.VERIFY_REQUEST
        return Purpose.PROBE_OR_REFERENCE

    @property
    def is_addressable(self) -> bool:
        """Whether HTTP reaches this blob by its name.

        Clients resolve ``.`` and ``..`` in a path before they send it (RFC 3986, section 5.2.4),
        so such a name leads to another blob, perhaps another tenant's.
        """
        return _ELSEWHERE.isdisjoint(self.blob.split("/"))

    @property
    def folder(self) -> str:
        """Blob name of the folder it lies in, with the slash."""
        return self.blob[: self.blob.rindex("/") + 1]

    @property
    def upload_id(self) -> str:
        """Identifier of uploads under this name, for ``GET /uploads/{id}``."""
        return hashlib.sha256(self.blob.encode()).hexdigest()[:UPLOAD_ID_CHARACTERS]

    @property
    def is_usable(self) -> bool:
        """Whether a result may be written under the same name."""
        try:
            check_name(self.name)
        except ArgumentError:
            return False
        return self.tenant != NO_TENANT

    @property
    def quarantine_blob(self) -> str:
        """Where it goes when it fails; a name that cannot be used is replaced by its hash."""
        if self.is_usable:
            return self.blob
        return f"{self.tenant}/{_UNUSABLE}{hashlib.sha256(self.blob.encode()).hexdigest()}"


def check_name(name: str) -> str:
    """Give ``name`` back if it is a usable relative name, else raise ArgumentError.

    Names of what this service itself writes beside results and into quarantine are not usable:
    an upload could otherwise replace a manifest or a reason.
    """
    segments = name.split("/")
    if (
        not name
        or not _is_encodable(name)
        or len(name.encode("utf-16-le")) > BLOB_NAME_CHARACTERS_MAX * 2  # as Azure counts
        or _FORBIDDEN.search(name)
        or any(not segment or segment.strip(". ") == "" for segment in segments)
        or any(segment.endswith(".") for segment in segments)  # Azure drops a final dot
        or name.startswith(_UNUSABLE)
        or name.endswith(_OURS)
    ):
        raise ArgumentError("the name is empty, too long, or has characters or parts it may not")
    return name


def _is_encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
