"""Names of containers, tables, queues and keys: the same in every deployment, in one place."""

from enum import StrEnum
from typing import Final

WORK_CONNECTION: Final = "ConsentryWork"
"""Connection that the app's triggers name; settings that begin with it say where it leads."""

INBOX_FUNCTION: Final = "redact_or_verify_upload"
"""Function that takes what arrives in the inbox; events are sent to it by this name."""

POISON_QUEUE: Final = "webjobs-blobtrigger-poison"
"""Queue in which the platform leaves what a blob trigger could not do."""


class Container(StrEnum):
    """Blob containers; AUDIT and DECISIONS lie in a storage account of their own."""

    INBOX = "inbox"
    REDACTED = "redacted"
    QUARANTINE = "quarantine"
    MANIFESTS = "manifests"
    DELETIONS = "deletions"
    AUDIT = "audit"
    DECISIONS = "decisions"


class TableName(StrEnum):
    """Tables of the work account."""

    ACCESS = "access"
    CALLERS = "callers"
    CONSENTS = "consents"
    DATA_KEYS = "datakeys"
    QUOTAS = "quotas"
    TEMPLATES = "templates"
    UPLOADS = "uploads"


class KeyName(StrEnum):
    """Keys in the vault, and key files on a developer's machine."""

    SIGNING = "consentry-signing"
    DECISIONS = "consentry-decisions"
    WRAPPING = "consentry-wrapping"


APPROVALS_EXPIRING: Final = "approvals_expiring"
"""Begins the line in the app's log that an alert waits for."""

SEARCH_SUSPECTED: Final = "search_suspected"
"""Begins the line that says that verifications were suspended; another alert waits for it."""
