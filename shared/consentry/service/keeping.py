"""The wiring of what is kept and deleted: by the functions, and by the operator's commands."""

from dataclasses import dataclass

from consentry.azure.names import TableName
from consentry.service.access import Access
from consentry.service.belongings import Belongings
from consentry.service.cases import Cases
from consentry.service.datakeys import DataKeys
from consentry.service.deletions import Deletions
from consentry.service.erasure import Erasures
from consentry.service.erasure_jobs import ErasureJobs
from consentry.service.inspection import Inspection
from consentry.service.orphans import Orphans
from consentry.service.parts import Parts
from consentry.service.retention import Retention
from consentry.service.rotation import KeyRotation
from consentry.service.settings import Settings


@dataclass(frozen=True)
class Keeping:
    """Use cases that look at no picture."""

    deletions: Deletions
    erasures: Erasures
    rotation: KeyRotation
    retention: Retention
    orphans: Orphans
    inspection: Inspection


def keeping_of(settings: Settings, parts: Parts, access: Access, keys: DataKeys) -> Keeping:
    """Put them together on top of ``parts``."""
    deletions = Deletions(parts.blobs, parts.signing_key)
    belongings = Belongings(parts.blobs, parts.table)
    cases = Cases(parts.table(TableName.ACCESS), parts.decision_key, parts.decisions)
    jobs = ErasureJobs(parts.blobs)
    retention = Retention(parts.blobs, access, settings.retention())
    orphans = Orphans(parts.blobs, parts.table, frozenset(settings.tenants))
    return Keeping(
        deletions=deletions,
        erasures=Erasures(access, cases, belongings, jobs, deletions),
        rotation=KeyRotation(keys, settings.tenants),
        retention=retention,
        orphans=orphans,
        inspection=Inspection(retention, orphans, jobs, keys, parts.table),
    )
