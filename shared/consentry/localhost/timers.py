"""Timer triggers: a schedule, and a status blob that survives a restart.

From the host's TimerListener and StorageScheduleMonitor: one run at a time, an error never stops
the schedule, and a run that was missed while the host was away is made up for once at the start,
with IsPastDue set. Schedules are in UTC, as in Azure. Unlike the host, this one keeps a status
also for schedules of less than a minute.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobClient

from consentry.localhost.frames import Frame
from consentry.localhost.functions import Function
from consentry.localhost.ncrontab import Schedule
from consentry.localhost.worker import Call, CallError

STATUS_CONTAINER = "azure-webjobs-hosts"

Status = dict[str, str]
"""Last and Next, the moments of the last run and the next one, and LastUpdated, as ISO texts."""

logger = logging.getLogger(__name__)


def status_name(host_id: str, function: Function) -> str:
    """Name of the blob that keeps a timer's status."""
    return f"timers/{host_id}/{function.webhook_id}/status"


def timer_call(function: Function, status: Status | None, *, past_due: bool) -> Call:
    """What a timer function gets."""
    information = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status,
        "IsPastDue": past_due,
    }
    return Call(function, "json", json.dumps(information))


class Timer:
    """Runs one timer function on its schedule."""

    def __init__(
        self, function: Function, blob: BlobClient, invoke: Callable[[Call], Awaitable[Frame]]
    ) -> None:
        self._function = function
        self._blob = blob
        self._invoke = invoke
        self._schedule = Schedule(str(function.trigger["schedule"]))

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow the schedule until told to stop; a run that was begun is finished."""
        now = datetime.now(UTC)
        status = await asyncio.to_thread(self._read)
        if is_past_due(status, now):
            status = await self._fire(status, now, past_due=True)
        elif self._function.trigger.get("runOnStartup"):
            status = await self._fire(status, now, past_due=False)
        while not stopping.is_set():
            now = datetime.now(UTC)
            due = self._schedule.next(now)
            try:
                await asyncio.wait_for(stopping.wait(), (due - now).total_seconds())
            except TimeoutError:
                status = await self._fire(status, due, past_due=False)

    async def _fire(self, status: Status | None, due: datetime, *, past_due: bool) -> Status:
        try:
            await self._invoke(timer_call(self._function, status, past_due=past_due))
        except CallError as error:
            logger.error("%s failed: %s", self._function.name, error)  # noqa: TRY400
        now = datetime.now(UTC)
        updated = {
            "Last": due.isoformat(),
            "Next": self._schedule.next(now).isoformat(),
            "LastUpdated": now.isoformat(),
        }
        await asyncio.to_thread(self._write, updated)
        return updated

    def _read(self) -> Status | None:
        try:
            status: Any = json.loads(self._blob.download_blob().readall())
        except (ResourceNotFoundError, ValueError):
            return None
        return status if isinstance(status, dict) else None

    def _write(self, status: Status) -> None:
        try:
            self._blob.upload_blob(json.dumps(status), overwrite=True)
        except AzureError as error:
            logger.warning("A timer's status cannot be kept: %s", type(error).__name__)


def is_past_due(status: Status | None, now: datetime) -> bool:
    """Tell whether the run that a status names as the next one was missed."""
    try:
        return status is not None and datetime.fromisoformat(status["Next"]) < now
    except (LookupError, TypeError, ValueError):
        return False
