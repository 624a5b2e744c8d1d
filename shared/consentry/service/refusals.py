"""What whoever is refused gets to hear, by the reason that stands in the record."""

from typing import Final

from consentry.errors import (
    ConsentRequiredError,
    NotApprovedError,
    RefusedError,
    SubjectMismatchError,
    UnsupportedFeatureError,
)
from consentry.limits import CALIBRATION_DAYS
from consentry.trust.approvals import CONSENT_REASONS, Reason
from consentry.trust.tripwire import Alarm

_SEARCHES: Final = frozenset(map(Reason, Alarm))


def refusal_error(reason: Reason) -> RefusedError:
    """Give the error of a refusal; its sentence says no more than the caller may know."""
    if reason in CONSENT_REASONS:
        return ConsentRequiredError(
            "no consent in force, of your tenant and for this use, was named", reason=reason
        )
    if reason in _SEARCHES:
        return RefusedError(
            "these verifications look like a search, which is not allowed; ask the operator",
            reason=reason,
        )
    match reason:
        case Reason.SUBJECTS_DIFFER:
            return SubjectMismatchError(
                "the two faces were claimed to be two people's", reason=reason
            )
        case Reason.ONE_TO_MANY:
            return UnsupportedFeatureError(
                "this service compares one face with one face and never searches", reason=reason
            )
        case Reason.CALIBRATED_LATELY:
            return RefusedError(
                f"your tenant calibrated within the last {CALIBRATION_DAYS} days", reason=reason
            )
        case Reason.NO_ROLE:
            return RefusedError("this takes a person with another role", reason=reason)
    return NotApprovedError(
        "missing approval for this feature, or it may not be used in this way", reason=reason
    )
