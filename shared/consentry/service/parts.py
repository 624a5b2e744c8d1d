"""What a deployment stands on: stores, keys and a clock, without any use case on top."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from consentry.azure.names import QueueName, TableName
from consentry.service.ports import (
    AppendStore,
    BlobStore,
    Clock,
    Queue,
    SigningKey,
    Table,
    WrappingKey,
)


@dataclass(frozen=True)
class Parts:
    """What the use cases stand on: Azure's in a deployment, twins in some tests."""

    blobs: BlobStore
    audit: AppendStore
    decisions: AppendStore
    table: Callable[[TableName], Table]
    queue: Callable[[QueueName], Queue]
    signing_key: SigningKey
    decision_key: SigningKey
    wrapping_key: WrappingKey
    clock: Clock


def utc_now() -> datetime:
    """The clock of a deployment."""
    return datetime.now(UTC)
