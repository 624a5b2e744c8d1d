"""The last step: join what was written, sign what was done, and let it out once it is recorded."""

import hashlib
import tempfile
from dataclasses import dataclass
from functools import partial
from typing import Final

from consentry.azure.names import Container
from consentry.errors import ArgumentError, VideoSizeError
from consentry.limits import PREVIEW_BYTES_MAX
from consentry.service.inbox_names import MANIFEST_SUFFIX
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.endgame import Endgame
from consentry.service.jobs.job import JOB_METADATA, Job, State
from consentry.service.jobs.source import open_source
from consentry.service.jobs.stages import Stages
from consentry.service.jobs.wish import Mode
from consentry.service.ledger import UPLOAD_METADATA, UploadLedger
from consentry.service.manifests import MANIFEST_MEDIA_TYPE, Notary, file_entry
from consentry.service.ports import BlobStore
from consentry.vision import EMBEDDING_ROLES
from consentry.vision.video import description, join, open_sound, summary

VIDEO_MEDIA_TYPE: Final = "video/mp4"
VIDEO_SUFFIX: Final = ".mp4"
PREVIEW_MEDIA_TYPE: Final = "application/json"
PREVIEW_SUFFIX: Final = ".preview.json"
_RESULT: Final = "result"


@dataclass(frozen=True)
class _Joined:
    """A result that has not left yet: its file's digest and ETag, and its manifest."""

    sha256: str
    etag: str
    manifest: bytes


@dataclass(frozen=True)
class Finish:
    """Joins and releases."""

    stages: Stages
    blobs: BlobStore
    notary: Notary
    ledger: UploadLedger
    endgame: Endgame

    def join(self, invocation: Invocation, job: Job) -> Outcome[None]:
        """Join the parts; the result leaves only with its record and its manifest durable."""
        result = result_name(job)
        self._check_free(job, result)
        joined = self._preview(invocation, job) if job.preview else self._join(invocation, job)
        return Outcome(None, partial(self._release, invocation, job, result, joined))

    def _join(self, invocation: Invocation, job: Job) -> _Joined:
        stages, bench = self.stages, self.stages.bench
        options, known = stages.options(job), bench.survey(job)
        scan, masks, _ = stages.masks(job)
        with open_source(self.blobs, job) as source, tempfile.TemporaryFile() as target:
            sound = open_sound(source, known, options.sound, scan.seconds)
            join(bench.parts(job), target, known.form.clock, scan, sound)
            target.seek(0)
            sha256 = hashlib.file_digest(target, "sha256").hexdigest()
            output = file_entry(sha256, target.tell())
            name = job.folder + _RESULT
            etag = self.blobs.upload(Container.PIECES, name, target, content_type=VIDEO_MEDIA_TYPE)
        rounds = job.writes
        looked = sum(one.looked for round_ in rounds for one in bench.residues(job, round_))
        done = summary(known, scan, masks.tracks, looked=looked, rounds=len(rounds))
        roles = EMBEDDING_ROLES if job.verified else ()
        models = {**stages.vision.redacting, **stages.vision.using(*roles)}
        invocation.saw_before(job.digest)
        invocation.used(models)
        invocation.count(frames=done.frames, masks=len(done.tracks), rounds=done.rounds)
        told = description(done, options)
        if job.claims:
            told["claims"] = claimed = stages.claiming.described(job)
            kept = sum(one["kept"] for one in claimed)
            invocation.count(claims=len(claimed), kept=kept)
        told["job"] = job.id
        told["input"] = file_entry(job.sha256, job.size) | told["input"]
        told["output"] = output | {"mediaType": VIDEO_MEDIA_TYPE}
        return _Joined(sha256, etag, self.notary.video(invocation, models, told))

    def _preview(self, invocation: Invocation, job: Job) -> _Joined:
        """Make the document of a preview."""
        stages = self.stages
        known = stages.bench.survey(job)
        scan, masks, _ = stages.masks(job)
        document = stages.previews.document(job, known, scan, masks)
        if len(document) > PREVIEW_BYTES_MAX:
            raise VideoSizeError("the video has too many tracks for a preview")
        name = job.folder + _RESULT
        etag = self.blobs.write(Container.PIECES, name, document, content_type=PREVIEW_MEDIA_TYPE)
        sha256, models = hashlib.sha256(document).hexdigest(), stages.vision.redacting
        invocation.saw_before(job.digest)
        invocation.used(models)
        invocation.count(frames=scan.stage.frames, tracks=len(masks.tracks))
        told = {
            "job": job.id,
            "mode": Mode.PREVIEW.value,
            "input": file_entry(job.sha256, job.size),
            "output": file_entry(sha256, len(document)) | {"mediaType": PREVIEW_MEDIA_TYPE},
        }
        return _Joined(sha256, etag, self.notary.video(invocation, models, told))

    def _check_free(self, job: Job, result: str) -> None:
        """Raise ArgumentError where another upload's result has the name, which a suffix can do."""
        there = self.blobs.properties(Container.REDACTED, result)
        upload = job.upload.upload_id
        if there is not None and there.metadata.get(UPLOAD_METADATA, upload) != upload:
            raise ArgumentError("the result of another upload has the name already")

    def _release(self, invocation: Invocation, job: Job, result: str, joined: _Joined) -> None:
        """Let the result out: from here on the job cannot be cancelled, only failed.

        Raises ConflictError where its file is not the one that was recorded.
        """
        store, now = self.stages.store, self.stages.clock()
        claimed = store.move(
            job, now, state=State.RELEASING, result=result, result_sha256=joined.sha256
        )
        if claimed is None or joined.sha256 not in (job.result_sha256, claimed.result_sha256):
            return  # ended meanwhile, or somebody else's to finish
        self.stages.claiming.let_out(invocation, job, joined.sha256, result)
        for container, name in (
            (Container.MANIFESTS, f"{job.tenant}/{job.id}.json"),
            (Container.REDACTED, result + MANIFEST_SUFFIX),
        ):
            self.blobs.write(container, name, joined.manifest, content_type=MANIFEST_MEDIA_TYPE)
        self.blobs.move(
            (Container.PIECES, job.folder + _RESULT),
            (Container.REDACTED, result),
            etag=joined.etag,
            metadata={JOB_METADATA: job.id, UPLOAD_METADATA: job.upload.upload_id},
        )
        upload, etag = job.upload, job.source_etag
        if job.preview:
            self.ledger.held(upload, etag=etag, invocation=job.id, now=now)
        else:
            self.ledger.done(upload, etag=etag, result=result, invocation=job.id, now=now)
        self.endgame.finish(claimed)


def result_name(job: Job) -> str:
    """Blob name of a job's result: that of its upload, and of an MP4 or of a preview."""
    name = job.upload.blob
    if job.preview:
        return name + PREVIEW_SUFFIX
    return name if name.lower().endswith(VIDEO_SUFFIX) else name + VIDEO_SUFFIX
