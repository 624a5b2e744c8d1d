"""Names of containers, tables and keys: the same in every deployment, in one place."""

from enum import StrEnum


class Container(StrEnum):
    """Blob containers; AUDIT lies in a storage account of its own."""

    INBOX = "inbox"
    REDACTED = "redacted"
    QUARANTINE = "quarantine"
    MANIFESTS = "manifests"
    AUDIT = "audit"


class TableName(StrEnum):
    """Tables of the work account."""

    ACCESS = "access"
    CALLERS = "callers"
    DATA_KEYS = "datakeys"
    TEMPLATES = "templates"
    UPLOADS = "uploads"


class KeyName(StrEnum):
    """Keys in the vault, and key files on a developer's machine."""

    SIGNING = "consentry-signing"
    WRAPPING = "consentry-wrapping"
