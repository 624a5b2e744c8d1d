"""Previews: documents of the tracks of a video, to choose from for claims.

A preview is the first of two jobs on a video, and shows no face. A claim of the second names one of
its tracks, which means the box of that track at one moment, in that very video: the input's SHA-256
goes along, and a claim on any other video is void.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from consentry.azure.names import Container
from consentry.errors import ArgumentError, IntegrityError, NotFoundError
from consentry.limits import PREVIEW_BYTES_MAX
from consentry.service.invocation import Invocation
from consentry.service.jobs.job import JOB_METADATA, Job, State
from consentry.service.jobs.store import JobStore
from consentry.service.jobs.wish import BoxWish, ClaimRequest, ClaimWish
from consentry.service.jobs.workbench import PieceSamples, Workbench
from consentry.service.ports import BlobStore
from consentry.vision import Vision
from consentry.vision.video import (
    Masks,
    Reader,
    Scan,
    Survey,
    draw,
    pictured,
    samples,
    tracks_document,
)


@dataclass(frozen=True)
class Previews:
    """Makes previews, and reads what they said of a track."""

    store: JobStore
    bench: Workbench
    blobs: BlobStore
    vision: Vision

    def plan(self, job: Job, known: Survey, scan: Scan, masks: Masks) -> list[int]:
        """Lay out what is to be drawn; gives the pieces concerned."""
        chosen = pictured(samples(scan, masks.tracks, known.form), masks.tracks)
        edges = (*scan.starts, scan.stage.frames)
        concerned = []
        for number, first in enumerate(scan.starts):
            here = tuple(one for one in chosen if first <= one.frame < edges[number + 1])
            if here:
                self.bench.put_samples(job, number, PieceSamples(masks.piece(number), here))
                concerned.append(number)
        return concerned

    def draw(self, job: Job, number: int, reader: Reader) -> None:
        """Draw the masked thumbnails of one piece."""
        wanted = self.bench.samples(job, number)
        with self.vision.looking() as detectors:
            drawn = tuple(draw(reader, wanted.masks, wanted.samples, detectors))
        self.bench.put_thumbnails(job, number, drawn)

    def document(self, job: Job, known: Survey, scan: Scan, masks: Masks) -> bytes:
        """Make the document of all tracks."""
        thumbnails = {one.track: one.jpeg for one in self.bench.thumbnails(job)}
        chosen = samples(scan, masks.tracks, known.form)
        told = tracks_document(known.form, scan, masks.tracks, chosen, thumbnails)
        return json.dumps({"preview": job.id, **told}, separators=(",", ":")).encode()

    def claim(self, invocation: Invocation, asked: ClaimRequest) -> ClaimWish:
        """Say which face a claim means; NotFoundError for an unknown preview or track."""
        if asked.box is not None and asked.seconds is not None:
            return ClaimWish(receipt=asked.receipt, box=asked.box, seconds=asked.seconds)
        if asked.preview is None:
            raise ArgumentError("a claim names a track of a preview, or a box and its second")
        job, told = self._read(invocation.tenant, asked.preview)
        for track in told["tracks"]:
            if track["id"] == asked.track:
                box, seconds = BoxWish(**track["sample"]["box"]), track["sample"]["seconds"]
                return ClaimWish(receipt=asked.receipt, box=box, seconds=seconds, of=job.sha256)
        raise NotFoundError("the preview has no such track")

    def _read(self, tenant: str, preview: UUID) -> tuple[Job, dict[str, Any]]:
        """Read a preview of the tenant's own, if it is still what its job made."""
        job = self.store.find(tenant, str(preview))
        if job is not None and job.preview and job.state is State.DONE and job.own_result:
            found = self.blobs.read(Container.REDACTED, job.own_result, limit=PREVIEW_BYTES_MAX)
            if found is not None and found.properties.metadata.get(JOB_METADATA) == job.id:
                if hashlib.sha256(found.data).hexdigest() != job.result_sha256:
                    raise IntegrityError("the preview is not what its job made")
                return job, json.loads(found.data)
        raise NotFoundError("there is no preview under that id")
