"""What was told of tenants' calibrations: row ``calibration`` of the tenant in ``quotas``, signed.

The row is believed only if its signature verifies and it is this tenant's. It is also what counts
how often a tenant calibrates.
"""

from dataclasses import dataclass
from typing import Final

from consentry.errors import IntegrityError
from consentry.service.ports import Row, SigningKey, Table
from consentry.trust.calibrations import TenantCalibration, open_calibration, sign_calibration

_ROW: Final = "calibration"


@dataclass(frozen=True)
class CalibrationStore:
    """Reads and writes the newest calibration of each tenant."""

    table: Table
    key: SigningKey

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
