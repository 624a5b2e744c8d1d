"""A sealed log that is whole."""

import pytest
from tests.support.logs import ExportedLog, SealedLog


@pytest.fixture
def log() -> ExportedLog:
    log = SealedLog().export()
    assert log.report().whole
    return log
