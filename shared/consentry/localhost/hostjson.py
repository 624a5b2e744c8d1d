"""The settings of host.json that the development host obeys, with the host's defaults."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consentry.errors import LocalStackError

_TIME = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")

DEFAULT_TIMEOUT_SECONDS = 30 * 60.0  # Flex Consumption
QUEUE_BATCH_MAX = 32  # Azure Storage's limit for one receive


@dataclass(frozen=True)
class HostJson:
    """One app's host.json; times in seconds, ``timeout_seconds`` None for no limit."""

    route_prefix: str = "api"
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS
    queue_batch: int = 16
    queue_threshold: int = 8
    queue_dequeue_max: int = 5
    queue_retry_seconds: int = 0
    queue_interval_seconds: float = 60.0
    queue_base64: bool = True
    blob_parallel: int = 16  # the host's is 8 for each core
    blob_dequeue_max: int = 5

    @classmethod
    def read(cls, app: Path) -> "HostJson":
        """Read the host.json of an app's folder; LocalStackError when it is not usable."""
        try:
            document = json.loads((app / "host.json").read_bytes())
            return cls._parse(document)
        except FileNotFoundError:
            raise LocalStackError("The function app has no host.json.") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise LocalStackError(f"host.json is not usable: {error}") from None

    @classmethod
    def _parse(cls, document: Mapping[str, Any]) -> "HostJson":
        if document.get("version") != "2.0":
            raise ValueError('"version" must be "2.0"')
        extensions = document.get("extensions", {})
        http, queues, blobs = (extensions.get(name, {}) for name in ("http", "queues", "blobs"))
        batch = int(queues.get("batchSize", cls.queue_batch))
        if not 1 <= batch <= QUEUE_BATCH_MAX:
            raise ValueError(f'"batchSize" must be 1 to {QUEUE_BATCH_MAX}')
        timeout = document.get("functionTimeout")
        return cls(
            route_prefix=str(http.get("routePrefix", cls.route_prefix)).strip("/"),
            timeout_seconds=cls.timeout_seconds if timeout is None else _timeout(timeout),
            queue_batch=batch,
            queue_threshold=int(queues.get("newBatchThreshold", batch // 2)),
            queue_dequeue_max=int(queues.get("maxDequeueCount", cls.queue_dequeue_max)),
            queue_retry_seconds=int(_seconds(queues.get("visibilityTimeout", "00:00:00"))),
            queue_interval_seconds=_seconds(queues.get("maxPollingInterval", "00:01:00")),
            queue_base64=str(queues.get("messageEncoding", "base64")).lower() != "none",
            blob_parallel=int(blobs.get("maxDegreeOfParallelism", cls.blob_parallel)),
            blob_dequeue_max=int(blobs.get("poisonBlobThreshold", cls.blob_dequeue_max)),
        )


def _timeout(text: str) -> float | None:
    return None if str(text) == "-1" else _seconds(text)


def _seconds(text: str) -> float:
    """Seconds of a .NET time span, ``[d.]hh:mm:ss[.fff]``."""
    found = _TIME.fullmatch(str(text))
    if found is None:
        raise ValueError("a time is not written as hh:mm:ss")
    days, hours, minutes, seconds = found.groups()
    return int(days or 0) * 86_400 + int(hours) * 3_600 + int(minutes) * 60 + float(seconds)
