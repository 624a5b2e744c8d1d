"""The upload that a job works on, as a file."""

from typing import BinaryIO

from consentry.azure.names import Container
from consentry.errors import ConflictError, NotFoundError
from consentry.service.jobs.job import Job
from consentry.service.ports import BlobStore


def open_source(blobs: BlobStore, job: Job) -> BinaryIO:
    """Open exactly the upload that the job was started for; NotFoundError if it is gone."""
    try:
        file = blobs.open(Container.INBOX, job.upload.blob, etag=job.source_etag)
    except ConflictError:
        raise NotFoundError("the upload was replaced while it was worked on") from None
    if file is None:
        raise NotFoundError("the upload was removed while it was worked on")
    return file
