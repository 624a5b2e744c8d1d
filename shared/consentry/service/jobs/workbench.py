"""The container ``pieces``: all that a job makes on its way, by names that only say what it is.

What steps decide by, and another delivery of the same step might make differently, is written once
and never replaced: what was seen of a piece, and what was written of it together with what a look
at exactly those bytes found.

Pieces are unmasked input. So are the thumbnails of a piece's first and last frame, at most 320
pixels wide and without colours, that are kept with what was seen of it: where two pieces meet, they
tell whether the scene goes on. And what is written of a piece in a first round may still show a
face. So everything here is deleted with its job, whatever came of it. Templates never lie here.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import BinaryIO, Final

from consentry.azure.names import Container
from consentry.errors import ConflictError, StorageError
from consentry.limits import MEBIBYTE, VIDEO_PIECE_BYTES_MAX
from consentry.service.jobs.job import Job
from consentry.service.ports import BlobStore
from consentry.trust.approvals import Reason
from consentry.vision import Verdict
from consentry.vision.video import (
    Errand,
    Looked,
    Part,
    Piece,
    PieceMasks,
    PieceScan,
    Residue,
    Sample,
    Survey,
    Thumbnail,
    from_json,
    to_json,
)

DOCUMENT_BYTES_MAX: Final = 64 * MEBIBYTE
WRITTEN_BYTES_MAX: Final = 4 * VIDEO_PIECE_BYTES_MAX
_DELETERS: Final = 8  # threads: four hours of video leave about 9,000 blobs
_DATA: Final = "application/octet-stream"
_JSON: Final = "application/json"


@dataclass(frozen=True)
class PartPlace:
    """Where a part's bytes lie among those of its piece."""

    first: int
    frames: int
    ticks: int
    size: int


@dataclass(frozen=True)
class Written:
    """What one round wrote of a piece: its parts, and what a look at each still found.

    ``sha256`` is of the parts' bytes, and their blob's name.
    """

    sha256: str
    parts: tuple[PartPlace, ...]
    residues: tuple[Residue, ...]


@dataclass(frozen=True)
class Sheet:
    """What one round writes of a piece: the masks, and the first frames of the parts wanted."""

    masks: PieceMasks
    only: frozenset[int] | None


@dataclass(frozen=True)
class OpenClaim:
    """What stands for and against a claim once the tracks are known.

    ``refusal`` is why its receipt does not hold, ``verdict`` why its track cannot stay. Without
    either it is open: the track at place ``index`` stays visible from frame ``start`` until before
    ``end`` if ``looks`` comparisons all match. ``subject`` is a keyed digest of the person claimed.
    """

    receipt: str
    subject: str
    refusal: Reason | None = None
    verdict: Verdict | None = None
    index: int = 0
    start: int = 0
    end: int = 0
    looks: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its face has to be compared."""
        return self.refusal is None and self.verdict is None


@dataclass(frozen=True)
class PieceErrands:
    """What has to be compared in a piece, whose first frame is the video's frame ``first``."""

    first: int
    errands: tuple[Errand, ...]


@dataclass(frozen=True)
class PieceSamples:
    """What a preview shows of a piece: the masks on it, and the faces around which it shows it."""

    masks: PieceMasks
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Workbench:
    """Reads and writes what a job makes."""

    blobs: BlobStore

    def put_survey(self, job: Job, known: Survey) -> None:
        """Keep what is known of the video."""
        self._put(job, "survey", known)

    def survey(self, job: Job) -> Survey:
        """What is known of the video."""
        return from_json(Survey, self._get(job, "survey"))

    def put_piece(self, job: Job, piece: Piece, data: bytes) -> None:
        """Keep a piece of the input."""
        self._put(job, f"piece-{piece.number:05}", piece)
        self._write(job, f"piece-{piece.number:05}.mkv", data, _DATA)

    def piece(self, job: Job, number: int) -> tuple[Piece, BinaryIO]:
        """A piece of the input, and the file that holds it."""
        piece = from_json(Piece, self._get(job, f"piece-{number:05}"))
        return piece, BytesIO(self._read(job, f"piece-{number:05}.mkv", VIDEO_PIECE_BYTES_MAX * 2))

    def put_scan(self, job: Job, scan: PieceScan) -> None:
        """Keep what was seen of a piece first."""
        self._put_once(job, _scan(job, scan.number), scan)

    def scans(self, job: Job) -> Iterator[PieceScan]:
        """What was seen of all pieces."""
        for number in range(job.pieces):
            yield from_json(PieceScan, self._get(job, _scan(job, number)))

    def put_sheet(self, job: Job, round_: int, sheet: Sheet) -> None:
        """Keep what a round shall write of a piece."""
        self._put(job, f"sheet-{sheet.masks.number:05}-{round_}", sheet)

    def sheet(self, job: Job, number: int) -> Sheet:
        """What the job's round shall write of a piece."""
        return from_json(Sheet, self._get(job, f"sheet-{number:05}-{job.round}"))

    def put_written(self, job: Job, number: int, made: Iterator[tuple[Part, Residue]]) -> None:
        """Keep what the job's round wrote of a piece first."""
        data, places, residues = BytesIO(), list[PartPlace](), list[Residue]()
        for part, residue in made:
            data.write(part.data)
            places.append(PartPlace(part.first, part.frames, part.ticks, len(part.data)))
            residues.append(residue)
        sha256 = hashlib.sha256(data.getbuffer()).hexdigest()
        self._write(job, f"parts-{sha256}", data.getvalue(), _DATA)
        written = Written(sha256, tuple(places), tuple(residues))
        self._put_once(job, f"written-{number:05}-{job.round}", written)

    def residues(self, job: Job, round_: int) -> Iterator[Residue]:
        """What remained after a round in the pieces that it wrote, in order."""
        for number in self.wanted(job, round_):
            yield from from_json(Written, self._get(job, f"written-{number:05}-{round_}")).residues

    def wanted(self, job: Job, round_: int) -> list[int]:
        """Numbers of the pieces that a round wrote, in order."""
        prefix, ending = f"{job.folder}written-", f"-{round_}.json"
        names = (blob.name for blob in self.blobs.list(Container.PIECES, prefix))
        return [int(name[len(prefix) : -len(ending)]) for name in names if name.endswith(ending)]

    def parts(self, job: Job) -> Iterator[Part]:
        """All parts in order, each as it was written last; one piece is held at a time."""
        rounds: dict[int, list[int]] = {}
        for round_ in range(1, job.round + 1):
            for number in self.wanted(job, round_):
                rounds.setdefault(number, []).append(round_)
        for number in sorted(rounds):
            newest: dict[int, Part] = {}
            for round_ in rounds[number]:
                newest |= {part.first: part for part in self._parts(job, number, round_)}
            yield from (newest[first] for first in sorted(newest))

    def put_claims(self, job: Job, claims: tuple[OpenClaim, ...]) -> None:
        """Keep what stood for and against the job's claims first."""
        self._put_once(job, "claims", claims)

    def claims(self, job: Job) -> tuple[OpenClaim, ...]:
        """What stands for and against the job's claims, in their order."""
        return from_json(tuple[OpenClaim, ...], self._get(job, "claims"))

    def put_errands(self, job: Job, number: int, errands: PieceErrands) -> None:
        """Keep what has to be compared in a piece."""
        self._put(job, f"errands-{number:05}", errands)

    def errands(self, job: Job, number: int) -> PieceErrands:
        """What has to be compared in a piece."""
        return from_json(PieceErrands, self._get(job, f"errands-{number:05}"))

    def put_looked(self, job: Job, number: int, looked: tuple[Looked, ...]) -> None:
        """Keep what comparing in a piece came to first."""
        self._put_once(job, f"looked-{number:05}", looked)

    def looked(self, job: Job) -> list[Looked]:
        """What comparing came to in all pieces so far, in order."""
        return self._all(job, "looked-", tuple[Looked, ...])

    def put_samples(self, job: Job, number: int, samples: PieceSamples) -> None:
        """Keep what a preview shall show of a piece."""
        self._put(job, f"samples-{number:05}", samples)

    def samples(self, job: Job, number: int) -> PieceSamples:
        """What a preview shall show of a piece."""
        return from_json(PieceSamples, self._get(job, f"samples-{number:05}"))

    def put_thumbnails(self, job: Job, number: int, drawn: tuple[Thumbnail, ...]) -> None:
        """Keep the masked thumbnails of a piece's samples."""
        self._put(job, f"thumbnails-{number:05}", drawn)

    def thumbnails(self, job: Job) -> list[Thumbnail]:
        """The masked thumbnails of all pieces so far."""
        return self._all(job, "thumbnails-", tuple[Thumbnail, ...])

    def clear(self, job: Job) -> None:
        """Delete everything of a job."""
        names = [blob.name for blob in self.blobs.list(Container.PIECES, job.folder)]
        with ThreadPoolExecutor(_DELETERS) as pool:
            list(pool.map(partial(self.blobs.delete, Container.PIECES), names))  # raises its errors

    def _parts(self, job: Job, number: int, round_: int) -> Iterator[Part]:
        written = from_json(Written, self._get(job, f"written-{number:05}-{round_}"))
        data = self._read(job, f"parts-{written.sha256}", WRITTEN_BYTES_MAX)
        offset = 0
        for place in written.parts:
            part = data[offset : offset + place.size]
            yield Part(place.first, place.frames, place.ticks, part)
            offset += place.size

    def _all[One](self, job: Job, prefix: str, kind: type[tuple[One, ...]]) -> list[One]:
        found = self.blobs.list(Container.PIECES, job.folder + prefix)
        names = [blob.name.removeprefix(job.folder) for blob in found]
        documents = [self._read(job, name, DOCUMENT_BYTES_MAX) for name in sorted(names)]
        return [one for document in documents for one in from_json(kind, document)]

    def _put(self, job: Job, name: str, document: object) -> None:
        self._write(job, f"{name}.json", to_json(document), _JSON)

    def _put_once(self, job: Job, name: str, document: object) -> None:
        with suppress(ConflictError):
            self.blobs.write(
                Container.PIECES,
                f"{job.folder}{name}.json",
                to_json(document),
                content_type=_JSON,
                only_new=True,
            )

    def _get(self, job: Job, name: str) -> bytes:
        return self._read(job, f"{name}.json", DOCUMENT_BYTES_MAX)

    def _write(self, job: Job, name: str, data: bytes, content_type: str) -> None:
        self.blobs.write(Container.PIECES, job.folder + name, data, content_type=content_type)

    def _read(self, job: Job, name: str, limit: int) -> bytes:
        found = self.blobs.read(Container.PIECES, job.folder + name, limit=limit)
        if found is None:
            raise StorageError("a piece of a job is missing")
        return found.data


def _scan(job: Job, number: int) -> str:
    return f"scan-{'whole' if job.whole else 'cut'}-{number:05}"
