"""Addresses that let one blob be written or read for some minutes (shared access signatures).

In Azure they are signed with a user delegation key, which this process's identity obtains and
which ends by itself; to an emulator, with its public account key.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    UserDelegationKey,
    generate_blob_sas,
)

from consentry.azure.credentials import StorageCredential

DELEGATION: Final = timedelta(hours=6)
RENEWED_BEFORE_END: Final = timedelta(hours=1)  # more than any address lives
CLOCK_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, repr=False)
class _Delegation:
    key: UserDelegationKey
    ends: datetime


class AddressMaker:
    """Signs addresses; keeps the delegation key and renews it in time."""

    def __init__(
        self,
        service: BlobServiceClient,
        credential: StorageCredential,
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._credential = credential
        self._clock = clock
        self._lock = threading.Lock()
        self._delegation: _Delegation | None = None

    def make(self, blob: BlobClient, lifetime: timedelta, permission: BlobSasPermissions) -> str:
        """Give an address for exactly this blob and ``permission``, over TLS unless emulated."""
        now = self._clock()
        signature = generate_blob_sas(
            account_name=str(blob.account_name),
            container_name=blob.container_name,
            blob_name=blob.blob_name,
            permission=permission,
            start=now - CLOCK_SKEW,
            expiry=now + lifetime,
            **self._signed_by(now),
        )
        return f"{blob.url}?{signature}"

    def _signed_by(self, now: datetime) -> dict[str, Any]:
        if isinstance(self._credential, AzureNamedKeyCredential):
            return {"account_key": self._credential.named_key.key}
        return {"user_delegation_key": self._delegated(now), "protocol": "https"}

    def _delegated(self, now: datetime) -> UserDelegationKey:
        with self._lock:
            if self._delegation is None or self._delegation.ends - now < RENEWED_BEFORE_END:
                ends = now + DELEGATION
                key = self._service.get_user_delegation_key(now - CLOCK_SKEW, ends)
                self._delegation = _Delegation(key, ends)
            return self._delegation.key
