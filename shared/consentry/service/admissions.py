"""Remembers for a moment who was let in, so that a burst of calls does not read the same rows.

What is remembered may let in and never refuses: a call that it would refuse is looked up anew.
So a new key or approval counts at once, an approval's end counts to the instant, and a
revocation counts after ADMISSION_SECONDS at most.
"""

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from consentry.limits import ADMISSION_SECONDS, ADMISSIONS_MAX
from consentry.service.call import ApiKey, Call
from consentry.trust.approvals import Approval
from consentry.trust.operations import Operation, Principal

Admission = tuple[Principal, list[Approval]]
_Key = tuple[bytes, Operation]


@dataclass(frozen=True)
class _Seen:
    admission: Admission
    time: datetime


class Admissions:
    """What the stores said of keys that were let in, by key and operation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[_Key, _Seen] = {}

    def find(self, call: Call, now: datetime) -> Admission | None:
        """Give what was read less than ADMISSION_SECONDS before, or None."""
        key = _key(call)
        with self._lock:
            seen = self._seen.get(key) if key is not None else None
        if seen is None or not timedelta(0) <= now - seen.time < timedelta(
            seconds=ADMISSION_SECONDS
        ):
            return None
        return seen.admission

    def keep(self, call: Call, read_at: datetime, admission: Admission) -> None:
        """Remember what let a call in; ``read_at`` is no later than the reading began."""
        key = _key(call)
        if key is None:
            return
        with self._lock:
            if len(self._seen) >= ADMISSIONS_MAX:
                self._seen.clear()
            self._seen[key] = _Seen(admission, read_at)


def _key(call: Call) -> _Key | None:
    """Name a caller's key without keeping it; nothing else is worth remembering."""
    if not isinstance(call.credential, ApiKey):
        return None
    return hashlib.sha256(call.credential.text.encode()).digest(), call.operation
