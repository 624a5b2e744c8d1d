"""A built layer of one small model."""

from pathlib import Path

import pytest
from tests.support.toy_layer import fetch_toy, toy_lock

from consentry.vision.layer.build import build
from consentry.vision.layer.lock import Lock


@pytest.fixture(name="lock")
def _lock() -> Lock:
    return toy_lock()


@pytest.fixture(name="built")
def _built(tmp_path: Path, lock: Lock) -> Path:
    build(tmp_path, lock=lock, fetch=fetch_toy)
    return tmp_path
