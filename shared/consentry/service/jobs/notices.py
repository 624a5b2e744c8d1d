"""Notices of a job's end to an address that was asked for: signed, and sent until it is taken."""

from contextlib import suppress
from dataclasses import dataclass

from consentry.azure.fetch import Fetcher
from consentry.errors import ConflictError, StorageError, UrlError
from consentry.service.jobs.job import Job
from consentry.service.jobs.store import JobStore
from consentry.service.manifests import MANIFEST_MEDIA_TYPE, Notary
from consentry.trust.records import utc_text


@dataclass(frozen=True)
class Notices:
    """Sends notices to hosts that the deployment allows."""

    store: JobStore
    notary: Notary
    hosts: Fetcher

    def check(self, address: str) -> None:
        """Raise UrlError unless notices may be sent there, or nowhere."""
        if address:
            self.hosts.check(address)

    def send(self, job: Job) -> None:
        """Send the notice of a job that has ended; StorageError, to try again, if not taken."""
        if not job.callback or job.told:
            return
        notice = self.notary.job(
            {
                "job": job.id,
                "tenant": job.tenant,
                "state": job.state.value,
                "reason": job.code,
                "endedAt": utc_text(job.ended or job.updated),
            }
        )
        try:
            self.hosts.post(job.callback, notice, media_type=MANIFEST_MEDIA_TYPE)
        except UrlError:
            raise StorageError("the notice of a job was not taken") from None
        with suppress(ConflictError):
            self.store.change(job, told=True)
