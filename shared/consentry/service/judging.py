"""From the similarity of two templates to a decision, and to what may be claimed of it.

A decision is made at the false match rate of the approval, by the calibration that ships with the
models. A tenant that calibrated on its own people gets told of their rate besides, and where that
surely lies above the shipped one, the threshold rises until the rate would be the approval's. It
never falls below the shipped one. No rate is claimed that the data named with it do not back.
"""

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from consentry.errors import UnsupportedFeatureError
from consentry.service.calibration_store import CalibrationStore
from consentry.service.invocation import Invocation
from consentry.trust.calibrations import Point, TenantCalibration
from consentry.trust.records import utc_text
from consentry.vision import Vision
from consentry.vision.calibrate import Calibration, Estimate

TARGET_FMR: Final = 1e-5  # of decisions, unless the approval sets another; Azure AI Face's own


@dataclass(frozen=True)
class Verification:
    """Whether two faces are one person's, and how often that is said of two people.

    ``confidence`` is -log10(FMR) / 10 in [0, 1], and ``is_extrapolated`` if it lies beyond what was
    measured. Identical means that it reaches ``threshold``, at which the false match rate was
    measured as ``claim`` on the data of ``calibration``, and as ``point`` says on the tenant's
    ``own`` people, at that threshold or below it.
    """

    is_identical: bool
    confidence: float
    is_extrapolated: bool
    threshold: float
    claim: Estimate
    calibration: Calibration
    own: TenantCalibration | None = None
    point: Point | None = None

    def document(self) -> dict[str, Any]:
        """Give it for JSON: Azure AI Face's two fields, and what they rest on."""
        told: dict[str, Any] = {
            "isIdentical": self.is_identical,
            "confidence": _down(self.confidence),
            "isExtrapolated": self.is_extrapolated,
            "threshold": _down(self.threshold),
            "falseMatchRate": _told(self.claim.fmr),
            "falseMatchRateInterval": list(map(_told, self.claim.interval)),
            "calibration": {
                "data": self.calibration.data,
                "people": self.calibration.people,
                "impostorPairs": self.calibration.impostor_pairs,
            },
        }
        if self.own is not None and self.point is not None:
            told["ownCalibration"] = {
                "falseMatchRate": self.point.fmr.share,
                "falseMatchRateInterval": list(self.point.fmr.interval),
                "people": self.own.people,
                "impostorPairs": self.own.impostor_pairs,
                "madeAt": utc_text(self.own.made_at),
            }
        return told


@dataclass(frozen=True)
class Judges:
    """Gives each tenant its judge."""

    vision: Vision
    calibrations: CalibrationStore
    readers: Executor

    def of(self, invocation: Invocation) -> Callable[[float], Verification]:
        """Give what turns similarities into decisions under an invocation's approval.

        The tenant's calibration is read meanwhile. What is given raises as ``judge`` does.
        """
        own = self.readers.submit(self.calibrations.recent, invocation.tenant, invocation.time)
        target = invocation.approval.conditions.target_fmr
        return lambda score: judge(score, target, self.vision.calibration(), own.result())


def judge(
    score: float,
    target_fmr: float | None,
    calibration: Calibration,
    own: TenantCalibration | None = None,
) -> Verification:
    """Turn the similarity of two templates into a decision at a false match rate.

    The rate is the approval's, or TARGET_FMR. Raises UnsupportedFeatureError for a rate that is
    lower than the calibration's data back: nobody knows what the decision would be worth.
    """
    if own is not None and own.template_version != calibration.template_version:
        own = None  # it was made with other models
    target = TARGET_FMR if target_fmr is None else target_fmr
    threshold = threshold_at(target, calibration, own)
    most = calibration.points[-1].similarity  # beyond it a lower rate is true, and not backed
    return Verification(
        is_identical=score >= threshold,
        confidence=calibration.confidence(score),
        is_extrapolated=calibration.estimate(score).is_extrapolated,
        threshold=calibration.confidence(threshold),
        claim=calibration.estimate(min(threshold, most)),
        calibration=calibration,
        own=own,
        point=own.backing(target) if own is not None else None,
    )


def threshold_at(target: float, calibration: Calibration, own: TenantCalibration | None) -> float:
    """Give the similarity at which a rate is decided; raises as ``judge`` does."""
    if target < calibration.least_fmr:
        raise UnsupportedFeatureError(
            "the approval's target FMR is lower than what was measured", reason="fmr_not_backed"
        )
    point = own.backing(target) if own is not None else None
    return calibration.similarity_at(target / (point.excess if point is not None else 1.0))


def _told(rate: float) -> float:
    """Round a rate to the digits that the calibration file holds of one."""
    return float(f"{rate:.4g}")


def _down(confidence: float) -> float:
    """Round so that nothing is ever told as high as a threshold that it does not reach.

    What a float misses of a decimal is none of it: similarities lie much further apart than 1e-9.
    """
    return math.floor(round(confidence * 1e5, 4)) / 1e5
