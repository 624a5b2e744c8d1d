"""The policies that this version of the package was released with."""

from functools import cache
from importlib.resources import files

from consentry import trust
from consentry.trust.policy import PolicyBook, parse_policy


@cache
def policy_book() -> PolicyBook:
    """Read all versions; IntegrityError when one is damaged or missing in between."""
    found = [
        parse_policy(entry.read_bytes())
        for entry in (files(trust) / "policies").iterdir()
        if entry.name.endswith(".toml")
    ]
    return PolicyBook(tuple(sorted(found, key=lambda policy: policy.version)))
