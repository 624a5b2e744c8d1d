"""Fixtures of the infrastructure tests: stacks as registered, and a package to deploy."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.infra.live import Live, deployed, running_cloud
from tests.infra.registered import UPLOADERS, Stack, configuration, register

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the package, built as `make package` does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(ROOT / "tools" / "package.py"), "--dist", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def live(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A tenant's stack that is really up, on a local cloud of its own."""
    scratch = tmp_path_factory.mktemp("cloud")
    with (
        running_cloud(scratch) as cloud,
        deployed(cloud, scratch, dist / "consentry-package.zip", "contoso") as found,
    ):
        yield found


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that stands for the package where only its digest matters."""
    path = tmp_path_factory.mktemp("package") / "package.zip"
    path.write_bytes(b"not a real package")
    return path


@pytest.fixture(scope="session")
def stack(package: Path) -> Stack:
    """A stack as most are: public endpoints, one tenant."""
    return register("contoso", configuration(package))


@pytest.fixture(scope="session")
def private_stack(package: Path) -> Stack:
    """A stack of another tenant with every option on."""
    config = configuration(
        package,
        tenants=["fabrikam", "fabrikam-labs"],
        people={
            "reviewers": "44444444-4444-4444-8444-444444444444",
            "auditors": "55555555-5555-4555-8555-555555555555",
            "uploaders": UPLOADERS,
        },
        tokens={
            "audience": "66666666-6666-4666-8666-666666666666",
            "operator": "77777777-7777-4777-8777-777777777777",
            "tenants": {"fabrikam": "88888888-8888-4888-8888-888888888888"},
        },
        network={"private": True, "clients": ["203.0.113.0/24", "198.51.100.7/32"]},
        vault={"hsm": True},
        retention={"tenants": {"fabrikam": {"redacted": 90}, "fabrikam-labs": {"inbox": 1}}},
        capacity={"memory_mb": 4096, "always_ready_http": 1, "always_ready_uploads": 2},
        service={"keep_originals": ["fabrikam-labs"], "mask_kind": "blur"},
        tags={"cost-centre": "42"},
    )
    return register("fabrikam", config)
