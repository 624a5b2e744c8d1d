"""The wiring of jobs, apart from the rest: it loads FFmpeg, and most processes see no video."""

from collections.abc import Mapping
from dataclasses import dataclass

from consentry.azure.fetch import Fetcher
from consentry.azure.names import QueueName, TableName
from consentry.service.addresses import Addresses
from consentry.service.gate import Gate
from consentry.service.inbox_names import UploadName
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.claiming import Claiming
from consentry.service.jobs.desk import Desk
from consentry.service.jobs.endgame import Endgame
from consentry.service.jobs.finish import Finish
from consentry.service.jobs.intake import Intake
from consentry.service.jobs.messages import Dispatcher
from consentry.service.jobs.notices import Notices
from consentry.service.jobs.previews import Previews
from consentry.service.jobs.stages import Stages
from consentry.service.jobs.steps import Steps
from consentry.service.jobs.store import JobStore
from consentry.service.jobs.tending import Tending
from consentry.service.jobs.wish import Wish
from consentry.service.jobs.workbench import Workbench
from consentry.service.ledger import UploadLedger
from consentry.service.parts import Parts
from consentry.service.ports import BlobProperties
from consentry.service.quarantine import Quarantine
from consentry.service.redactor import Redactor
from consentry.service.settings import Settings
from consentry.vision import MaskOptions


@dataclass(frozen=True)
class Jobs:
    """Use cases of jobs."""

    intake: Intake
    desk: Desk
    steps: Steps
    tending: Tending

    def start_upload(
        self,
        invocation: Invocation,
        upload: UploadName,
        found: BlobProperties,
        asked: Mapping[str, str],
    ) -> Outcome[None]:
        """Start the job of a video that was dropped, as its metadata asks."""
        started = self.intake.start(invocation, upload, found, Wish.of_metadata(asked))
        return started.map(lambda _: None)


def jobs_of(
    settings: Settings,
    parts: Parts,
    gate: Gate,
    redactor: Redactor,
    ledger: UploadLedger,
    quarantine: Quarantine,
    mask: MaskOptions,
) -> Jobs:
    """Put them together on top of ``parts``."""
    store, bench = JobStore(parts.table(TableName.JOBS)), Workbench(parts.blobs)
    dispatcher = Dispatcher(store, parts.queue(QueueName.VIDEO))
    keep = frozenset(settings.keep_originals)
    endgame = Endgame(store, dispatcher, bench, parts.blobs, quarantine, parts.clock, keep)
    vision, notary = redactor.vision, redactor.notary
    claiming = Claiming(bench, redactor.desk, redactor.outputs, vision)
    previews = Previews(store, bench, parts.blobs, vision)
    notices = Notices(store, notary, Fetcher(settings.callback_hosts))
    intake = Intake(store, dispatcher, endgame, ledger, notices, parts.clock, mask)
    stages = Stages(
        store=store,
        dispatcher=dispatcher,
        bench=bench,
        blobs=parts.blobs,
        vision=vision,
        claiming=claiming,
        previews=previews,
        threads=settings.threads,
        piece_seconds=settings.piece_seconds,
        clock=parts.clock,
        default_mask=mask,
    )
    finish = Finish(stages, parts.blobs, notary, ledger, endgame)
    addresses = Addresses(parts.blobs, ledger)
    return Jobs(
        intake=intake,
        desk=Desk(
            store, parts.blobs, intake, endgame, addresses, previews, redactor.desk, parts.clock
        ),
        steps=Steps(gate, store, stages, finish, endgame, notices),
        tending=Tending(settings.tenants, store, dispatcher, endgame, parts.blobs),
    )
