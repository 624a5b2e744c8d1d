"""The command line, in the environment of a running stack."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.deployment import APPROVED, ROOT, Deployment

SAMPLES = ROOT / ".consentry" / "samples"


@dataclass(frozen=True)
class Shell:
    """Runs commands in the environment of one stack, with one tenant's key."""

    running: Deployment

    def __call__(
        self, *words: str | Path, tenant: str = APPROVED, expect: int = 0
    ) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "consentry.cli", *map(str, words), "--json"],
            env={
                **os.environ,
                **self.running.stack.environment,
                "CONSENTRY_ENDPOINT": self.running.stack.url,
                "CONSENTRY_KEY": self.running.keys[tenant],
                "CONSENTRY_CONSENT": self.running.consents.get(tenant, ""),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document
