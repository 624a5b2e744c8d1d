"""An ``up`` that fails, at every request in turn, is mended by a plain ``up``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pulumi.automation import CommandError
from tests.infra.test_engine import values, write_package

from local.kinds import PREFIX
from local.rehearsal import Rehearsal, rehearsal

pytestmark = pytest.mark.slow

UPS_MAX = 60
TOLD = ("as it was told to", "refused the package")


class OnceEach:
    """Has every request fail the first time that it is made."""

    def __init__(self) -> None:
        self.failed: set[tuple[str, str]] = set()

    def __call__(self, verb: str, what: str) -> bool:
        first = (verb, what) not in self.failed
        self.failed.add((verb, what))
        return first


def kept(stack: Rehearsal) -> tuple[set[str], set[str]]:
    """What exists in the cloud, and what the engine knows of."""
    known = {r["id"] for r in stack.state() if r["type"].startswith(PREFIX) and "id" in r}
    return {resource.id for resource in stack.cloud.resources}, known


def until_it_works(attempt: Callable[[], object]) -> int:
    """Run a command until it works; give the number of times that it failed."""
    for failures in range(UPS_MAX):
        try:
            attempt()
        except CommandError as error:
            if not any(reason in str(error) for reason in TOLD):
                raise
        else:
            return failures
    pytest.fail("it never worked")


def test_every_failure_is_mended_by_a_plain_up_and_nothing_is_orphaned(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package.zip", "code")
    with rehearsal("contoso", tmp_path / "even") as even:
        even.configure(values(package, protect=False))
        even.up()
        expected = kept(even)
        outputs = even.outputs()
    with rehearsal("contoso", tmp_path / "uneven") as stack:
        failing = OnceEach()
        stack.cloud.fails = failing
        stack.configure(values(package, protect=False))
        assert until_it_works(partial(stack.up, keep_going=True)) > 1
        assert {what for verb, what in failing.failed if verb == "create"} == expected[0]
        assert {verb for verb, _ in failing.failed} == {"ask", "create", "publish"}
        assert kept(stack) == expected
        assert stack.outputs() == outputs
        assert stack.up().none
        assert until_it_works(partial(stack.destroy, keep_going=True)) > 1
        assert {what for verb, what in failing.failed if verb == "delete"} == expected[0]
        assert stack.cloud.resources == []
        assert stack.state() == []
