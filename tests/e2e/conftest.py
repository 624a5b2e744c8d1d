"""One stack for all end-to-end tests: real Azurite, real worker library, real models."""

from collections.abc import Iterator

import pytest
from tests.support.deployment import Deployment, deployment


@pytest.fixture(scope="session")
def running() -> Iterator[Deployment]:
    with deployment() as found:
        yield found
