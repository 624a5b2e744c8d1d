"""Timers: what must happen although nobody calls. Each run leaves a record of its own."""

import logging

from consentry.azure.names import APPROVALS_EXPIRING, SEARCH_SUSPECTED
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from entry import Api, Provider

_log = logging.getLogger("consentry.functions")

EVERY_MINUTE = "0 * * * * *"
EVERY_MINUTE_SOON = "2 * * * * *"  # when the calls of a new minute can be taken
EVERY_FIVE_MINUTES = "30 */5 * * * *"
EVERY_FIVE_MINUTES_LATER = "45 */5 * * * *"
EVERY_HOUR = "15 7 * * * *"
AT_HALF_PAST = "15 31 * * * *"
BEFORE_THE_HOUR = "15 52 * * * *"
EVERY_DAY = "45 17 3 * * *"


def register(services: Provider) -> Api:
    """Register the timers."""
    api = Api(services)
    _register_limits(api)

    @api.timer("seal_audit_log", EVERY_MINUTE)
    def seal_audit_log(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.upkeep.seal(invocation)

    @api.timer("expire_templates", EVERY_FIVE_MINUTES)
    def expire_templates(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.upkeep.expire_templates(invocation)

    @api.timer("expire_consents", EVERY_FIVE_MINUTES_LATER)
    def expire_consents(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.consents.endings.expire(invocation)

    @api.timer("expire_held_uploads", EVERY_HOUR)
    def expire_held_uploads(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.upkeep.expire_held(invocation)

    @api.timer("lapse_approvals", EVERY_HOUR)
    def lapse_approvals(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.applications.lapse(invocation).map(_tell_of_expiring)

    @api.timer("erase_tenants", EVERY_FIVE_MINUTES)
    def erase_tenants(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.keeping.erasures.carry_on(invocation).map(lambda _: None)

    @api.timer("rotate_keys", EVERY_DAY)
    def rotate_keys(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.keeping.rotation.carry_on(invocation)

    @api.timer("enforce_retention", AT_HALF_PAST)
    def enforce_retention(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.keeping.retention.enforce(invocation)

    @api.timer("cure_orphans", BEFORE_THE_HOUR)
    def cure_orphans(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.keeping.orphans.cure(invocation)

    return api


def _register_limits(api: Api) -> None:
    """Register the timers behind rate limits, tripwire and jobs."""

    @api.timer("tend_jobs", EVERY_FIVE_MINUTES_LATER)
    def tend_jobs(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.jobs().tending.tend(invocation)

    @api.timer("suspend_searches", EVERY_MINUTE)
    def suspend_searches(parts: Services, invocation: Invocation) -> Outcome[None]:
        return parts.applications.suspend_search(invocation).map(_tell_of_searches)

    @api.timer("forget_sightings", EVERY_FIVE_MINUTES)
    def forget_sightings(parts: Services, invocation: Invocation) -> Outcome[None]:
        tenants = parts.settings.tenants
        forgotten = sum(parts.tripwire.forget(tenant, invocation.time) for tenant in tenants)
        invocation.count(sightings=forgotten)
        return Outcome(None)

    @api.timer("take_up_late_uploads", EVERY_MINUTE_SOON)
    def take_up_late_uploads(parts: Services, invocation: Invocation) -> Outcome[None]:
        done = sum(
            parts.inbox.catch_up(tenant, invocation.call.request_id)
            for tenant in parts.settings.tenants
        )
        invocation.count(uploads=done)
        return Outcome(None)


def _tell_of_expiring(approvals: int) -> None:
    """Say in the log, where an alert waits for it, how many approvals end soon."""
    if approvals:
        _log.warning("%s: %d", APPROVALS_EXPIRING, approvals)


def _tell_of_searches(suspended: int) -> None:
    """Say in the log, where an alert waits for it, that a reviewer has to look."""
    if suspended:
        _log.warning("%s: %d", SEARCH_SUSPECTED, suspended)
