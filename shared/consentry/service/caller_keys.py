"""Keys of callers: an admin hands them out and takes them back, and each act is recorded.

A key opens nothing before the record of its making is durable. The record names the key's id, by
which its calls are recorded later.
"""

from dataclasses import dataclass

from consentry.errors import NotFoundError, StateError
from consentry.limits import CALLER_KEYS_MAX
from consentry.service.callers import CallerKeyInfo, Callers, make_key
from consentry.service.invocation import Invocation, Outcome
from consentry.service.scoped_secrets import ScopedSecret


@dataclass(frozen=True)
class CallerKeys:
    """The use cases ``create key``, ``list keys`` and ``revoke key``."""

    callers: Callers

    def create(self, invocation: Invocation, tenant: str) -> Outcome[ScopedSecret]:
        """Make a key; its text is shown this once and never again.

        Raises ArgumentError for a tenant that is not served, StateError where it has enough keys.
        """
        active = sum(found.active for found in self._of(invocation, tenant))
        if active >= CALLER_KEYS_MAX:
            raise StateError("the tenant has as many keys as it may have; revoke one first")
        key = make_key(tenant)
        invocation.concerns_key(key.id)

        def release() -> None:
            self.callers.admit(key, invocation.time)

        return Outcome(key, release)

    def list(self, invocation: Invocation, tenant: str) -> Outcome[tuple[CallerKeyInfo, ...]]:
        """Tell of a tenant's keys, revoked ones included; ArgumentError if it is not served."""
        return Outcome(self._of(invocation, tenant))

    def revoke(self, invocation: Invocation, tenant: str, key_id: str) -> Outcome[None]:
        """End a key's life; NotFoundError where the tenant has no active key of that id."""
        found = self._of(invocation, tenant)
        if not any(key.active and key.id == key_id for key in found):
            raise NotFoundError("the tenant has no active key of that id")
        invocation.concerns_key(key_id)

        def release() -> None:
            self.callers.revoke(tenant, key_id)

        return Outcome(None, release)

    def _of(self, invocation: Invocation, tenant: str) -> tuple[CallerKeyInfo, ...]:
        found = tuple(self.callers.list(tenant))
        invocation.regards(tenant)
        return found
