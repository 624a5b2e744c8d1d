"""One stack with the sample app for all tests of the development host."""

from collections.abc import Iterator

import pytest
from tests.support.sample import CONTAINERS, ROOT, SAMPLE_APP, Sample

from consentry.localhost.stack import Stack


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    log = tmp_path_factory.mktemp("host") / "host.log"
    stack = Stack(
        ROOT,
        SAMPLE_APP,
        containers=CONTAINERS,
        tables=("things",),
        settings={"AzureWebJobs.disabled.Disabled": "true"},
        log=log,
    )
    with stack:
        found = Sample(stack, log)
        yield found
        found.close()
