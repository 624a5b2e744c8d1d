"""How long a tenant's data may be kept: the shorter of what was set and what was decided."""

from collections.abc import Iterable
from datetime import timedelta

from consentry.limits import RETENTION_HOURS_MIN
from consentry.trust.approvals import Approval


def kept_for(days: int, approvals: Iterable[Approval]) -> timedelta:
    """Give how long things are kept: ``days`` as set, or fewer where a decision says so.

    A decision counts whatever its state: what was made under it is still there. Nothing goes before
    RETENTION_HOURS_MIN, so that a result can be fetched even where it is not to be kept.
    """
    shortest = min([days, *(approval.conditions.retention_days for approval in approvals)])
    return max(timedelta(days=shortest), timedelta(hours=RETENTION_HOURS_MIN))
