"""Fixtures of the measurements' tests: the command line, as its own tests have it."""

from tests.unit.cli.conftest import consentry

__all__ = ["consentry"]
