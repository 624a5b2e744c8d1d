"""The policy file is held to its own rules; versions follow each other; grace is by name."""

import hashlib
from datetime import timedelta
from importlib.resources import files

import pytest
from tests.support.governance import APPLICATION, BOOK, NOW, POLICY, book_with, stricter

from consentry import trust
from consentry.errors import IntegrityError
from consentry.trust.policy import Ground, PolicyBook, parse_policy

FILES = {
    version: (files(trust) / "policies" / f"{version}.toml").read_bytes() for version in (1, 2, 3)
}
FILE = FILES[3]

RELEASED = {
    1: "74242380f5c108e8dcc77f334ae59cdfedaf8a295835dd0392c1f897c18fb2bd",
    2: "6a27477c9486fa91963d05536943fbcb7f500c3e6521e15c8dbe7113da507d89",
    3: "908b60a33d2019fd4ba915e8b4e5f12b6eecf3d43032632de361ac9441253a70",
}
"""Digests of the released policies; a change of one is a new version, not another digest."""


def test_released_policies_are_what_they_were() -> None:
    assert {policy.version: policy.digest for policy in BOOK.policies} == RELEASED
    digests = {version: hashlib.sha256(data).hexdigest() for version, data in FILES.items()}
    assert digests == RELEASED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'practices = ["search"] }', b'practices = ["serach"] }'),  # would never hold
        (b'practices = ["search"] }', b'practises = ["search"] }'),
        (b'law_enforcement_in = ["US"', b'law_enforcement_in = ["usa"'),
        (b'[{ mail = ["free"] }]', b"[{}]"),
        (b'[{ mail = ["free"] }]', b"[]"),
        (b"reviewers = 2", b"reviewers = 1"),
        (b"approval_days_max = 365", b"approval_days_max = 366"),
        (b'reason = "free_mail"', b'reason = "use_case"'),
        (b"rate_per_minute = 60 ", b"rate_per_minute = 301 "),  # more than verify may have
        (b"[requirements.redact]", b"[requirements.search]"),
        (b"stricter = false", b"strict = false"),
        (b"version = 3", b"version = "),
        (b"face_max = 50", b"face_max = 0"),
        (b"pause_minutes", b"pause_hours"),
    ],
)
def test_policy_that_could_not_hold_is_not_read(old: bytes, new: bytes) -> None:
    assert FILE.count(old) >= 1
    with pytest.raises(IntegrityError):
        parse_policy(FILE.replace(old, new))


@pytest.mark.parametrize("days", [0, 366])
def test_grace_is_a_year_at_most_and_not_nothing(days: int) -> None:
    until = (POLICY.takes_effect + timedelta(days=days)).isoformat()
    text = FILE.replace(b"stricter = false", b"stricter = true").decode()
    grace = f'\n[grace]\nuntil = {until}\nexcepted = [{{tenant = "a", application = "b"}}]\n'
    with pytest.raises(IntegrityError):
        parse_policy((text + grace).encode())
    allowed = grace.replace(until, (POLICY.takes_effect + timedelta(days=365)).isoformat())
    policy = parse_policy((text + allowed).encode())
    assert policy.spares("a", "b", POLICY.takes_effect)


def test_policies_follow_each_other_without_a_gap() -> None:
    later = stricter(NOW)
    early = stricter(POLICY.takes_effect)
    for policies in ((), (POLICY, POLICY), (later, POLICY), (POLICY, early)):
        with pytest.raises(IntegrityError):
            PolicyBook(policies)
    skipped = later.model_copy(update={"version": later.version + 1})
    with pytest.raises(IntegrityError):
        PolicyBook((POLICY, skipped))


def test_policy_is_in_force_from_its_instant_on() -> None:
    later = stricter(NOW)
    book = book_with(later)
    assert book.in_force(NOW - timedelta(microseconds=1)) is POLICY
    assert book.in_force(NOW) is later
    with pytest.raises(IntegrityError):
        book.in_force(BOOK.policies[0].takes_effect - timedelta(microseconds=1))


def ground(book: PolicyBook, tenant: str = "contoso", case: str = APPLICATION) -> Ground:
    return book.ground(POLICY.version, POLICY.digest, tenant, case, NOW)[0]


def test_policy_that_is_not_stricter_leaves_earlier_approvals_alone() -> None:
    milder = stricter(NOW).model_copy(update={"stricter": False, "grace": None})
    assert ground(book_with(milder)) is Ground.POLICY


def test_stricter_policy_ends_earlier_approvals_but_those_that_it_lists() -> None:
    book = book_with(stricter(NOW, ("contoso", APPLICATION)))
    assert ground(book) is Ground.GRACE
    assert ground(book, tenant="fabrikam") is Ground.SUPERSEDED
    assert ground(book, case="another") is Ground.SUPERSEDED


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (timedelta(microseconds=-1), Ground.POLICY),
        (timedelta(), Ground.GRACE),
        (timedelta(days=30, microseconds=-1), Ground.GRACE),
        (timedelta(days=30), Ground.SUPERSEDED),
    ],
)
def test_grace_ends_at_its_instant(at: timedelta, expected: Ground) -> None:
    book = book_with(stricter(NOW, ("contoso", APPLICATION)))
    found, until = book.ground(POLICY.version, POLICY.digest, "contoso", APPLICATION, NOW + at)
    assert found is expected
    assert until == (NOW + timedelta(days=30) if found is Ground.GRACE else None)


def test_every_stricter_policy_must_list_what_works_on() -> None:
    second = stricter(NOW - timedelta(days=2), ("contoso", APPLICATION))
    forgets = stricter(NOW - timedelta(days=1), after=second)
    lists = stricter(NOW - timedelta(days=1), ("contoso", APPLICATION), days=5, after=second)
    assert ground(book_with(second, forgets)) is Ground.SUPERSEDED
    assert ground(book_with(second, lists)) is Ground.GRACE


@pytest.mark.parametrize("named", [(POLICY.version, "0" * 64), (POLICY.version + 1, POLICY.digest)])
def test_approval_of_a_policy_that_is_not_as_it_was_has_no_ground(named: tuple[int, str]) -> None:
    assert BOOK.ground(*named, "contoso", APPLICATION, NOW) == (Ground.UNKNOWN, None)
