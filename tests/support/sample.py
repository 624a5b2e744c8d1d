"""The sample app on a running stack, and what the tests of the development host ask of it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from tests.support.polling import until

from consentry.localhost.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_APP = ROOT / "tests" / "support" / "sample_app"
CONTAINERS = ("notes", "inbox", "stream")


@dataclass
class Sample:
    """The running sample app and clients of everything around it."""

    stack: Stack
    log: Path
    http: httpx.Client = field(init=False)
    blobs: BlobServiceClient = field(init=False)
    queues: QueueServiceClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.stack.url, timeout=30)
        self.blobs = BlobServiceClient.from_connection_string(self.stack.connection_string)
        self.queues = QueueServiceClient.from_connection_string(self.stack.connection_string)

    def notes(self, prefix: str) -> list[str]:
        """Names of the notes that functions have written under a prefix."""
        return list(
            self.blobs.get_container_client("notes").list_blob_names(name_starts_with=prefix)
        )

    def note(self, name: str) -> dict[str, Any]:
        """A note, waited for."""
        blob = self.blobs.get_blob_client("notes", name)
        until(blob.exists)
        content: dict[str, Any] = json.loads(blob.download_blob().readall())
        return content

    def ready(self) -> str:
        """Wait until the worker answers; give its process id."""
        until(lambda: self.http.get("/api/process").status_code == httpx.codes.OK)
        return self.http.get("/api/process").text

    def close(self) -> None:
        """Close all clients."""
        self.http.close()
        self.blobs.close()
        self.queues.close()
