"""Rotation of keys: new data keys for templates, retired ones destroyed, all wrapped by the newest.

A data key for templates is replaced after DATA_KEY_DAYS. The old one opens what it sealed, and is
destroyed when the last of that has expired. Keys of digests, of callers' keys and of codes have no
next version: a digest has to match an earlier one. Like all, they are wrapped anew when the vault
has a new version of the wrapping key.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from consentry.errors import ArgumentError
from consentry.limits import DATA_KEY_DAYS, DATA_KEY_SECONDS, FACE_ID_SECONDS_MAX
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.invocation import Invocation, Outcome

RETIRED: Final = timedelta(seconds=FACE_ID_SECONDS_MAX + 2 * DATA_KEY_SECONDS)
"""Age of its successor at which nothing that a key sealed is left: processes use it so long."""

_LIFE: Final = timedelta(days=DATA_KEY_DAYS)


@dataclass(frozen=True)
class KeyRotation:
    """The use cases of the timer and of the operator."""

    keys: DataKeys
    tenants: tuple[str, ...]

    def rotate(self, invocation: Invocation, tenant: str) -> Outcome[int]:
        """Give a tenant a new data key for templates at once; gives its version."""
        if tenant not in self.tenants:
            raise ArgumentError("this deployment does not serve the tenant")
        invocation.regards(tenant)
        return Outcome(self.keys.rotate(tenant, Purpose.TEMPLATES))

    def carry_on(self, invocation: Invocation) -> Outcome[None]:
        """Replace, destroy and wrap anew what is due."""
        rotated = destroyed = 0
        for tenant in self.tenants:
            if not self.keys.has(tenant, Purpose.TEMPLATES):
                continue
            if self.keys.newest(tenant, Purpose.TEMPLATES).made + _LIFE <= invocation.time:
                self.keys.rotate(tenant, Purpose.TEMPLATES)
                rotated += 1
            for version in self.keys.retired(tenant, Purpose.TEMPLATES, RETIRED):
                destroyed += self.keys.destroy(tenant, Purpose.TEMPLATES, version)
        outdated = self.keys.outdated()
        for row in outdated:
            self.keys.rewrap(row)
        invocation.count(rotated=rotated, destroyed=destroyed, wrapped=len(outdated))
        return Outcome(None)
