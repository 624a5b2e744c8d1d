"""Names of containers, tables, queues and keys: the same in every deployment, in one place."""

from enum import StrEnum
from typing import Final

WORK_CONNECTION: Final = "ConsentryWork"
"""Connection that the app's triggers name; settings that begin with it say where it leads."""

INBOX_FUNCTION: Final = "redact_or_verify_upload"
"""Function that takes what arrives in the inbox; events are sent to it by this name."""

POISON_QUEUE: Final = "webjobs-blobtrigger-poison"
"""Queue in which the platform leaves what a blob trigger could not do."""

POISON_SUFFIX: Final = "-poison"
"""Ends the name of the queue in which the platform leaves messages that failed too often."""


class Container(StrEnum):
    """Blob containers; AUDIT and DECISIONS lie in a storage account of their own."""

    INBOX = "inbox"
    PIECES = "pieces"  # of videos in work: deleted when their job ends, whatever came of it
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
    JOBS = "jobs"
    QUOTAS = "quotas"
    TEMPLATES = "templates"
    UPLOADS = "uploads"


class QueueName(StrEnum):
    """Queues of the work account, to which the app sends messages to itself."""

    VIDEO = "video-steps"

    @property
    def poison(self) -> str:
        """Queue of the messages that failed at every delivery."""
        return self.value + POISON_SUFFIX


class KeyName(StrEnum):
    """Keys in the vault, and key files on a developer's machine."""

    SIGNING = "consentry-signing"
    DECISIONS = "consentry-decisions"
    WRAPPING = "consentry-wrapping"


APPROVALS_EXPIRING: Final = "approvals_expiring"
"""Begins the line in the app's log that an alert waits for."""

SEARCH_SUSPECTED: Final = "search_suspected"
"""Begins the line that says that verifications were suspended; another alert waits for it."""
