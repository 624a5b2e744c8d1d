"""The digest by which a package is known."""

import hashlib
from pathlib import Path

from consentry_infra.config import ConfigError


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hex; ConfigError where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise ConfigError(
            f"There is no package at {path}; make it by `make package`, or set consentry:package."
        ) from None
