"""Rules for every test: a suite that is skipped proves nothing, so a skip is a failure."""

from collections.abc import Generator

import pytest
from hypothesis import settings

# No test depends on the wall clock: a busy machine is not an error of the code.
settings.register_profile("consentry", deadline=None)
settings.load_profile("consentry")


def _no_skip[Report: (pytest.TestReport, pytest.CollectReport)](report: Report) -> Report:
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as a failure here: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _no_skip((yield))
