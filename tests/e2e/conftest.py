"""One stack for all end-to-end tests: real Azurite, real worker library, real models."""

from collections.abc import Iterator

import pytest
from tests.support.deployment import Deployment, deployment
from tests.support.shell import Shell


@pytest.fixture(scope="session")
def running() -> Iterator[Deployment]:
    with deployment() as found:
        yield found


@pytest.fixture(scope="session")
def shell(running: Deployment) -> Shell:
    return Shell(running)
