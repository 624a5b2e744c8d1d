"""The wiring: from stores, keys and settings to the use cases. Made once in a process."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from consentry.azure.fetch import Fetcher
from consentry.azure.names import Container, TableName
from consentry.service.access import Access
from consentry.service.addresses import Addresses
from consentry.service.applications import Applications
from consentry.service.audit import AuditLog
from consentry.service.calibration_store import CalibrationStore
from consentry.service.calibrations import Calibrations
from consentry.service.caller_keys import CallerKeys
from consentry.service.callers import Callers
from consentry.service.cases import Cases
from consentry.service.claims import ClaimDesk
from consentry.service.comparisons import Comparisons
from consentry.service.consent_store import ConsentStore
from consentry.service.consents import Consents
from consentry.service.datakeys import DataKeys
from consentry.service.deletions import Deletions
from consentry.service.endings import Endings
from consentry.service.faces import Faces
from consentry.service.gate import Gate
from consentry.service.impact import Impact
from consentry.service.inbox import Inbox
from consentry.service.jobs.store import JobStore
from consentry.service.judging import Judges
from consentry.service.keeping import Keeping, keeping_of
from consentry.service.late import LateUploads
from consentry.service.ledger import UploadLedger
from consentry.service.log_reader import LogReader
from consentry.service.manifests import Notary
from consentry.service.named_consents import NamedConsents
from consentry.service.outputs import Outputs
from consentry.service.pairs import Pairs
from consentry.service.parts import Parts
from consentry.service.people import people_of
from consentry.service.policies import policy_book
from consentry.service.ports import SigningKey
from consentry.service.proofs import Proofs
from consentry.service.quarantine import Quarantine
from consentry.service.quotas import Quotas
from consentry.service.redaction import Redactions
from consentry.service.redactor import Redactor
from consentry.service.references import References
from consentry.service.sealing import Sealer
from consentry.service.settings import Settings, log_origin
from consentry.service.standing_consents import StandingConsents
from consentry.service.templates import TemplateStore
from consentry.service.tripwire import Tripwire
from consentry.service.upkeep import Upkeep
from consentry.trust.policy import PolicyBook
from consentry.vision import MaskKind, MaskOptions, MaskShape, Vision

if TYPE_CHECKING:
    from consentry.service.jobs.assembly import Jobs

_READERS: Final = 8  # threads that read templates and consents at once


@dataclass(frozen=True)
class Services:
    """Everything that the functions call."""

    settings: Settings
    parts: Parts
    gate: Gate
    access: Access
    applications: Applications
    consents: Consents
    references: References
    impact: Impact
    callers: Callers
    caller_keys: CallerKeys
    vision: Vision
    faces: Faces
    comparisons: Comparisons
    calibrations: Calibrations
    redactions: Redactions
    inbox: Inbox
    jobs: "Callable[[], Jobs]"
    addresses: Addresses
    keeping: Keeping
    upkeep: Upkeep
    tripwire: Tripwire
    proofs: Proofs
    log: LogReader
    fetch: Fetcher
    warm: Callable[[], bool]

    @property
    def signing_key(self) -> SigningKey:
        """The key of manifests, verification results, deletion receipts and checkpoints."""
        return self.parts.signing_key

    @property
    def deletions(self) -> Deletions:
        """Deletion receipts."""
        return self.keeping.deletions

    def check_ready(self) -> None:
        """Touch what every call needs; raises what the first call would raise.

        Anybody may ask this at any rate, so the models run for the first one only.
        """
        self.warm()
        self.signing_key.public_keys()
        self.parts.table(TableName.ACCESS).get("ready", "ready")
        self.parts.blobs.properties(Container.INBOX, "ready")
        self.parts.audit.size("ready")


def assemble(settings: Settings, parts: Parts, book: PolicyBook | None = None) -> Services:
    """Put the use cases together on top of ``parts``, under the released policies or ``book``."""
    keys = DataKeys(parts.table(TableName.DATA_KEYS), parts.wrapping_key, parts.clock)
    access = Access(parts.table(TableName.ACCESS), parts.decision_key, parts.decisions)
    book = book or policy_book()
    callers = Callers(parts.table(TableName.CALLERS), keys, settings.tenants)
    log = AuditLog(parts.audit, parts.clock)
    cases = Cases(parts.table(TableName.ACCESS), parts.decision_key, parts.decisions)
    people = people_of(settings)
    consents = ConsentStore(
        parts.table(TableName.CONSENTS), parts.signing_key, keys, settings.tenants
    )
    quotas = Quotas(parts.table(TableName.QUOTAS))
    late = LateUploads(parts.table(TableName.QUOTAS), parts.clock)
    gate = Gate(
        callers,
        people,
        access,
        consents,
        book,
        keys,
        quotas,
        log,
        settings.tenants,
        parts.clock,
        place=settings.jurisdiction,
    )
    vision = Vision(settings.layer, settings.threads)
    templates = TemplateStore(parts.table(TableName.TEMPLATES), keys)
    notary = Notary(parts.signing_key)
    keeping = keeping_of(settings, parts, access, keys)
    references = References(vision, consents, keys)
    tripwire = Tripwire(parts.table(TableName.QUOTAS), keys, book)
    readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reads")
    calibrations = CalibrationStore(parts.table(TableName.QUOTAS), parts.signing_key)
    judges = Judges(vision, calibrations, readers)
    redactor = Redactor(
        vision,
        notary,
        ClaimDesk(consents, references, tripwire, judges),
        Outputs(parts.table(TableName.CONSENTS)),
    )
    endings = Endings(consents, templates, keeping.deletions, keys, settings.tenants)
    ledger = UploadLedger(parts.table(TableName.UPLOADS))
    quarantine = Quarantine(parts.blobs, ledger, parts.clock)
    keep = frozenset(settings.keep_originals)
    named = NamedConsents(consents, readers)
    standing = StandingConsents(consents, readers)
    comparisons = Comparisons(vision, standing, tripwire, judges)
    pairs = Pairs(parts.blobs, vision, notary, ledger, named, comparisons, keep)
    mask = MaskOptions(MaskKind(settings.mask_kind), MaskShape(settings.mask_shape))
    job_rows = JobStore(parts.table(TableName.JOBS))
    jobs = Once(partial(_jobs, settings, parts, gate, redactor, ledger, quarantine, mask))
    return Services(
        settings=settings,
        parts=parts,
        gate=gate,
        access=access,
        applications=Applications(cases, access, book, settings.tenants, tripwire),
        consents=Consents(consents, endings, book),
        references=references,
        impact=Impact(parts.blobs, redactor, redactor.outputs, job_rows, mask),
        callers=callers,
        caller_keys=CallerKeys(callers),
        vision=vision,
        faces=Faces(vision, templates, standing, tripwire, judges, readers),
        calibrations=Calibrations(vision, templates, standing, tripwire, calibrations, readers),
        comparisons=comparisons,
        redactions=Redactions(redactor, parts.blobs),
        inbox=Inbox(
            gate=gate,
            blobs=parts.blobs,
            redactor=redactor,
            ledger=ledger,
            late=late,
            quarantine=quarantine,
            pairs=pairs,
            jobs=jobs,
            job_rows=job_rows,
            default_mask=mask,
            keep_originals=keep,
        ),
        jobs=jobs,
        addresses=Addresses(parts.blobs, ledger),
        keeping=keeping,
        upkeep=Upkeep(
            settings.tenants,
            parts.blobs,
            templates,
            pairs,
            quarantine,
            Sealer(parts.audit, parts.signing_key, log_origin(settings)),
        ),
        tripwire=tripwire,
        proofs=Proofs(parts.audit, parts.signing_key),
        log=LogReader(parts.audit),
        fetch=Fetcher(settings.url_hosts),
        warm=Once(partial(_warm, vision)),
    )


def _jobs(
    settings: Settings,
    parts: Parts,
    gate: Gate,
    redactor: Redactor,
    ledger: UploadLedger,
    quarantine: Quarantine,
    mask: MaskOptions,
) -> "Jobs":
    """Make the use cases of videos; their libraries are loaded here, and not before."""
    from consentry.service.jobs.assembly import jobs_of

    return jobs_of(settings, parts, gate, redactor, ledger, quarantine, mask)


def _warm(vision: Vision) -> bool:
    vision.warm_up()
    return True


class Once[T]:
    """Makes a thing at the first call and only once, whoever calls at the same time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: T | None = None

    def __call__(self) -> T:
        """Give the thing; if making it fails, the next call tries again."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
