"""The steps of a job up to the join: cut, look through, plan, compare what is claimed, write."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final

from consentry.errors import RedactionError, VideoSizeError
from consentry.limits import VIDEO_JOB_BYTES_MAX, VIDEO_WHOLE_SECONDS_MAX
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.claiming import Claiming
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.messages import Dispatcher
from consentry.service.jobs.previews import Previews
from consentry.service.jobs.source import open_source
from consentry.service.jobs.store import JobStore
from consentry.service.jobs.wish import Wish
from consentry.service.jobs.workbench import Sheet, Workbench
from consentry.service.ports import BlobStore, Clock
from consentry.vision import MaskOptions, Vision
from consentry.vision.video import (
    ROUNDS_MAX,
    WHOLE,
    Limits,
    Masks,
    Piece,
    Reader,
    Scan,
    Survey,
    VideoOptions,
    cut,
    make_tracks,
    merge,
    plan_pieces,
    scan_piece,
    survey,
    write_piece,
)

LIMITS: Final = Limits(bytes_max=VIDEO_JOB_BYTES_MAX)


@dataclass(frozen=True)
class Stages:
    """Each stage ends with what moves the job on, which happens once its record is durable."""

    store: JobStore
    dispatcher: Dispatcher
    bench: Workbench
    blobs: BlobStore
    vision: Vision
    claiming: Claiming
    previews: Previews
    threads: int
    piece_seconds: float
    clock: Clock
    default_mask: MaskOptions

    def cut(self, invocation: Invocation, job: Job) -> Outcome[None]:
        """Hash the input and cut it into pieces."""
        now = self.clock()
        begun = job
        if job.state is State.ACCEPTED:
            moved = self.store.move(job, now, state=State.CUTTING, started=now)
            begun = moved or job
        with open_source(self.blobs, job) as file:
            sha256 = invocation.saw_file(file)
            size = file.tell()
            known = survey(file, LIMITS)
            plan = plan_pieces(file, known, LIMITS, seconds=self.piece_seconds)
            self.bench.put_survey(job, known)
            if plan == WHOLE:
                _check_may_be_whole(known)
            else:
                for piece, data in cut(file, known, plan):
                    self.bench.put_piece(job, piece, data)
        pieces = len(plan.packets)
        invocation.count(pieces=pieces)
        changes = {
            "state": State.SCANNING,
            "whole": plan == WHOLE,
            "pieces": pieces,
            "frames": int(known.probe.seconds * known.form.rate),
            "sha256": sha256,
            "digest": invocation.inputs[-1],
            "size": size,
        }
        return Outcome(None, partial(self._advance, begun, changes))

    def scan(self, invocation: Invocation, job: Job, number: int) -> Outcome[None]:
        """Look through one piece."""
        frames = 0
        if number not in self.store.pieces(job):
            with self._piece(job, number) as (piece, file):
                reader = self._reader(job, piece, file)
                with self.vision.looking() as detectors:
                    seen = scan_piece(reader, detectors, tell=_nobody)
            self.bench.put_scan(job, seen)
            frames = len(seen.times)
            invocation.used(self.vision.redacting)
        invocation.count(frames=frames)
        return Outcome(None, partial(self._scanned, job, number, frames))

    def plan(self, invocation: Invocation, job: Job) -> Outcome[None]:
        """Follow faces through all pieces, or see what a round left, and say what is written."""
        if not job.whole and not all(scan.complete for scan in self.bench.scans(job)):
            _check_may_be_whole(self.bench.survey(job))
            again = {"state": State.SCANNING, "whole": True, "pieces": 1}
            return Outcome(None, partial(self._advance, job, again))
        if job.claims and not job.round:
            known, scan = self.bench.survey(job), self.scan_of(job)
            tracks = make_tracks(scan.stage, scan.seen)
            concerned = self.claiming.begin(invocation, job, known, scan, tracks)
            if concerned:
                return self._next_round(job, State.VERIFYING, scan, concerned, verified=1)
        elif job.claims and job.round == job.verified:
            self.claiming.count(invocation, job)
        scan, masks, touched = self.masks(job)
        invocation.count(frames=scan.stage.frames, masks=len(masks.tracks))
        if job.preview:
            return self._plan_preview(job, scan, masks)
        if not touched:
            return Outcome(None, partial(self._advance, job, {"state": State.JOINING}))
        if len(job.writes) == ROUNDS_MAX:
            raise RedactionError("a face is still found after masking")
        for number, only in touched.items():
            self.bench.put_sheet(job, job.round + 1, Sheet(masks.piece(number), only))
        return self._next_round(job, State.WRITING, scan, sorted(touched))

    def verify(self, invocation: Invocation, job: Job, number: int) -> Outcome[None]:
        """Compare the claimed faces of one piece."""
        if self.store.pieces(job)[number].written < job.round:
            with self._piece(job, number) as (piece, file):
                self.claiming.look(invocation, job, number, self._reader(job, piece, file))
        return Outcome(None, partial(self._written, job, number))

    def write(self, invocation: Invocation, job: Job, number: int) -> Outcome[None]:
        """Mask one piece, encode it, and look at it again."""
        if job.preview:
            return self._draw(invocation, job, number)
        if self.store.pieces(job)[number].written < job.round:
            sheet = self.bench.sheet(job, number)
            with self._piece(job, number) as (piece, file):
                reader = self._reader(job, piece, file)
                codec = self.options(job).codec
                with self.vision.looking() as detectors:
                    made = write_piece(
                        reader, sheet.masks, codec, detectors, tell=_nobody, only=sheet.only
                    )
                    self.bench.put_written(job, number, made)
            invocation.count(frames=len(sheet.masks.ticks))
            invocation.used(self.vision.redacting)
        return Outcome(None, partial(self._written, job, number))

    def masks(self, job: Job) -> tuple[Scan, Masks, dict[int, frozenset[int] | None]]:
        """Give what was seen, all masks after the rounds so far, and what is to write of which."""
        scan = self.scan_of(job)
        masks = Masks(scan, self.options(job), self.claiming.kept(job))
        touched: dict[int, frozenset[int] | None] = dict.fromkeys(range(job.pieces))
        for round_ in job.writes:
            touched = dict(masks.add(self.bench.residues(job, round_)))
        return scan, masks, touched

    def scan_of(self, job: Job) -> Scan:
        """Give what was seen of the whole video."""
        return merge(self.bench.survey(job), self.bench.scans(job), LIMITS)

    def options(self, job: Job) -> VideoOptions:
        """How the job's video is redacted."""
        return Wish.model_validate_json(job.wish).options(self.default_mask)

    def _plan_preview(self, job: Job, scan: Scan, masks: Masks) -> Outcome[None]:
        """Have thumbnails drawn, if that was not done and there is anything to draw."""
        concerned = self.previews.plan(job, self.bench.survey(job), scan, masks)
        if job.round or not concerned:
            return Outcome(None, partial(self._advance, job, {"state": State.JOINING}))
        return self._next_round(job, State.WRITING, scan, concerned)

    def _draw(self, invocation: Invocation, job: Job, number: int) -> Outcome[None]:
        """Draw what a preview shows of one piece."""
        if self.store.pieces(job)[number].written < job.round:
            with self._piece(job, number) as (piece, file):
                self.previews.draw(job, number, self._reader(job, piece, file))
            invocation.used(self.vision.redacting)
        return Outcome(None, partial(self._written, job, number))

    def _next_round(
        self, job: Job, state: State, scan: Scan, pieces: Sequence[int], **more: int
    ) -> Outcome[None]:
        changes = {
            "state": state,
            "round": job.round + 1,
            "frames": scan.stage.frames,
            "wanted": json.dumps(pieces),
            **more,
        }
        return Outcome(None, partial(self._advance, job, changes))

    def _reader(self, job: Job, piece: Piece, file: BinaryIO) -> Reader:
        return Reader(file, piece, self.bench.survey(job), LIMITS, self.threads)

    def catch_up(self, job: Job) -> None:
        """Send the messages of a state whose beginner died before it had sent them all."""
        if not job.sent:
            self.dispatcher.send(job)

    def _scanned(self, job: Job, number: int, frames: int) -> None:
        self.store.scanned(job, number, frames, self.clock())
        if len(self.store.pieces(job)) == job.pieces:
            self._advance(job, {"state": State.PLANNING})

    def _written(self, job: Job, number: int) -> None:
        self.store.written(job, number, self.clock())
        rows = self.store.pieces(job)
        if all(rows[wanted].written >= job.round for wanted in job.pieces_wanted):
            self._advance(job, {"state": State.PLANNING})

    def _advance(self, job: Job, changes: dict[str, Any]) -> None:
        """Move the job on and send what follows, unless somebody else has."""
        moved = self.store.move(job, self.clock(), **changes)
        if moved is not None:
            self.dispatcher.send(moved)

    @contextmanager
    def _piece(self, job: Job, number: int) -> Iterator[tuple[Piece, BinaryIO]]:
        """Open a piece; the only one of a video that is not cut is the input itself."""
        if job.whole:
            with open_source(self.blobs, job) as file:
                yield Piece(0), file
        else:
            piece, file = self.bench.piece(job, number)
            with file:
                yield piece, file


def _nobody(frames: int) -> None:
    """Tell nobody of the frames that were read: what is told of a job are its pieces."""
    del frames


def _check_may_be_whole(known: Survey) -> None:
    """Refuse a video that one step could not finish in time."""
    if known.probe.seconds > VIDEO_WHOLE_SECONDS_MAX:
        raise VideoSizeError("the video cannot be cut into pieces, and is too long for one")
