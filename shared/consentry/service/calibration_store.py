"""What was told of tenants' calibrations: row ``calibration`` of the tenant in ``quotas``, signed.

The row is believed only if its signature verifies and it is this tenant's. It is also what counts
how often a tenant calibrates. Verifications go by what was read CALIBRATION_KNOWN_SECONDS before at
most: another instance's calibration counts after that time.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from consentry.errors import IntegrityError
from consentry.limits import CALIBRATION_KNOWN_SECONDS
from consentry.service.ports import Row, SigningKey, Table
from consentry.trust.calibrations import TenantCalibration, open_calibration, sign_calibration

_ROW: Final = "calibration"


@dataclass(frozen=True)
class CalibrationStore:
    """Reads and writes the newest calibration of each tenant."""

    table: Table
    key: SigningKey
    _known: dict[str, tuple[datetime, TenantCalibration | None]] = field(default_factory=dict)

    def recent(self, tenant: str, now: datetime) -> TenantCalibration | None:
        """Give a tenant's calibration as it was a moment ago; raises as ``find`` does."""
        read_at, found = self._known.get(tenant, (None, None))
        if read_at is None or abs((now - read_at).total_seconds()) >= CALIBRATION_KNOWN_SECONDS:
            found = self.find(tenant)
            self._known[tenant] = (now, found)
        return found

    def find(self, tenant: str) -> TenantCalibration | None:
        """Give a tenant's calibration; IntegrityError for a row that was written by hand."""
        return self.read(tenant)[0]

    def read(self, tenant: str) -> tuple[TenantCalibration | None, str]:
        """Give a tenant's calibration and the ETag of its row, or None and nothing."""
        row = self.table.get(tenant, _ROW)
        if row is None:
            return None, ""
        signed = row.values.get("signed")
        if not isinstance(signed, bytes):
            raise IntegrityError("the row of a calibration is not complete")
        found = open_calibration(signed, public_keys=self.key.public_keys())
        if found.tenant != tenant:
            raise IntegrityError("a calibration lies where another one belongs")
        return found, row.etag

    def keep(self, calibration: TenantCalibration, etag: str) -> None:
        """Write a calibration where ``etag`` was read; ConflictError when another came between."""
        values: Row = {
            "signed": sign_calibration(calibration, kid=self.key.kid, sign=self.key.sign)
        }
        if etag:
            self.table.replace(calibration.tenant, _ROW, values, etag=etag)
        else:
            self.table.insert(calibration.tenant, _ROW, values)
        self._known.pop(calibration.tenant, None)
