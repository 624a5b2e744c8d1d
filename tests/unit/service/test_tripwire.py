"""Searches in many shapes, made of single verifications and spread over instances."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from tests.support.governance import BOOK, NOW, POLICY
from tests.support.memory import MemoryTable, MemoryWrappingKey

from consentry.errors import IntegrityError, StorageError
from consentry.service.datakeys import DataKeys
from consentry.service.tripwire import TRIES_MAX, Tripwire
from consentry.trust.policy import PolicyBook
from consentry.trust.tripwire import Alarm, Mark

assert POLICY.tripwire is not None
BOUNDS = POLICY.tripwire
TENANT = "contoso"

Shown = tuple[list[tuple[Mark, str]], bool | None]
"""What a verification shows, and whether it matches."""


@dataclass
class Deployment:
    """Instances over one table, asked in turn."""

    instances: int = 3
    book: PolicyBook = BOOK
    table: MemoryTable = field(default_factory=MemoryTable)
    keys_table: MemoryTable = field(default_factory=MemoryTable)
    wrapping: MemoryWrappingKey = field(default_factory=MemoryWrappingKey)

    def __post_init__(self) -> None:
        self.now = NOW
        self.wires = [
            Tripwire(
                self.table, DataKeys(self.keys_table, self.wrapping, lambda: self.now), self.book
            )
            for _ in range(self.instances)
        ]
        self.turn = count()

    def verify(self, shown: Shown, tenant: str = TENANT) -> Alarm | None:
        wire = self.wires[next(self.turn) % self.instances]
        marks, matched = shown
        return wire.note(tenant, marks, matched=matched, since=NOW - timedelta(1), now=self.now)

    def calls_until_alarm(
        self, traffic: Iterator[Shown], most: int, every: timedelta = timedelta()
    ) -> tuple[int, Alarm | None]:
        for number in range(1, most + 1):
            alarm = self.verify(next(traffic))
            if alarm is not None:
                return number, alarm
            self.now += every
        return most, None


def faces(first: object, second: object, matched: bool) -> Shown:
    return [(Mark.FACE, str(first)), (Mark.FACE, str(second))], matched


def one_probe_against_many() -> Iterator[Shown]:
    return (faces("probe", n, matched=False) for n in count())


def many_probes_against_one() -> Iterator[Shown]:
    return (faces(n, "reference", matched=False) for n in count())


def one_probe_hidden_among_matches() -> Iterator[Shown]:
    """Nine claims that match around each comparison of the search."""
    return (
        faces("probe" if n % 10 == 0 else f"p{n}", f"r{n}", matched=n % 10 != 0) for n in count()
    )


def rotating_probes() -> Iterator[Shown]:
    """Twenty probes in turn, each comparison with another reference."""
    return (faces(f"probe{n % 20}", n, matched=n % 50 == 49) for n in count())


def fresh_probes() -> Iterator[Shown]:
    """Every picture encoded anew, so that no face id and no digest comes twice."""
    return (faces(f"a{n}", f"b{n}", matched=n % 50 == 49) for n in count())


def uploaded_pictures() -> Iterator[Shown]:
    """One request after the other that names the same probe."""
    return (([(Mark.PICTURE, "probe"), (Mark.PICTURE, str(n))], False) for n in count())


def padded_with_itself() -> Iterator[Shown]:
    """A face with itself after each comparison, which always matches."""
    for n in count():
        yield faces(f"a{n}", f"b{n}", matched=False)
        yield [(Mark.FACE, f"a{n}")], None


@pytest.mark.parametrize(
    ("search", "within"),
    [
        (one_probe_against_many, 9),
        (many_probes_against_one, 9),
        (rotating_probes, 9),
        (fresh_probes, 9),
        (uploaded_pictures, 9),
        (padded_with_itself, 17),
        (one_probe_hidden_among_matches, 10 * BOUNDS.face_max + 1),
    ],
)
@pytest.mark.parametrize("every", [timedelta(), timedelta(seconds=30)])
def test_a_search_is_caught_within_the_stated_calls_however_it_is_spread(
    search: Callable[[], Iterator[Shown]], within: int, every: timedelta
) -> None:
    deployment = Deployment()
    number, alarm = deployment.calls_until_alarm(search(), within, every)
    assert alarm is not None
    assert number == within


def test_a_search_at_a_low_rate_is_caught_as_soon_because_the_test_has_no_window() -> None:
    found = Deployment().calls_until_alarm(fresh_probes(), 9, every=timedelta(hours=30))
    assert found == (9, Alarm.NON_MATCHES)


@pytest.mark.parametrize("mark", Mark)
def test_the_same_is_refused_beyond_its_bound_and_again_free_in_the_next_window(
    mark: Mark,
) -> None:
    deployment, bound = Deployment(), BOUNDS.max_of(mark)
    same: Iterator[Shown] = (([(mark, "same")], True) for _ in count())
    number, alarm = deployment.calls_until_alarm(same, 1_000)
    assert (number, alarm) == (bound + 1, Alarm(f"repeated_{mark}"))
    assert deployment.verify(next(same)) is Alarm(f"repeated_{mark}")
    assert deployment.verify(([(mark, "other")], True)) is None
    deployment.now += timedelta(hours=BOUNDS.window_hours)
    assert deployment.verify(next(same)) is None


def honest(seed: int) -> Iterator[Shown]:
    """Five hundred people at a door: a probe each time, their own reference, 5 % not confirmed."""
    drawn = random.Random(seed)  # noqa: S311 (a simulation that comes out the same every time)
    for n in count():
        person = drawn.randrange(500)
        shown = [
            (Mark.FACE, f"probe{n}"),
            (Mark.FACE, f"reference{person}"),
            (Mark.SUBJECT, f"person{person}"),
        ]
        yield shown, drawn.random() >= 0.05


def test_honest_traffic_trips_nothing_in_five_thousand_calls() -> None:
    found = Deployment().calls_until_alarm(honest(1), 5_000, every=timedelta(seconds=10))
    assert found == (5_000, None)


@pytest.mark.slow
def test_honest_traffic_trips_nothing_in_a_hundred_thousand_calls() -> None:
    found = Deployment().calls_until_alarm(honest(2), 100_000, every=timedelta(seconds=10))
    assert found == (100_000, None)


def test_one_tenants_search_pauses_no_other_tenant() -> None:
    deployment = Deployment()
    assert deployment.calls_until_alarm(fresh_probes(), 9)[1] is Alarm.NON_MATCHES
    assert deployment.verify(faces(1, 2, matched=True)) is Alarm.SEARCH_SUSPECTED
    assert deployment.verify(faces(1, 2, matched=False), "fabrikam") is None


def test_the_counters_tell_nobody_whose_they_are() -> None:
    deployment = Deployment()
    shown = faces("face-of-alice", "face-of-bob", matched=True)
    deployment.verify(shown)
    rows = {row.row: row.values for row in deployment.table.query(TENANT)}
    assert "alice" not in str(rows)
    seen = {name.split(":")[2] for name in rows if name.count(":") == 2}
    deployment.now += timedelta(hours=BOUNDS.window_hours)
    deployment.verify(shown)
    later = {row.row.split(":")[2] for row in deployment.table.query(TENANT) if ":" in row.row[5:]}
    assert len(seen) == 2
    assert len(later) == 4  # under the key of another window nothing is found again


def test_what_was_counted_is_deleted_when_its_window_has_ended_the_salt_first() -> None:
    deployment = Deployment()
    deployment.verify(faces("a", "b", matched=False))
    wire = deployment.wires[0]
    assert wire.forget(TENANT, deployment.now) == 0
    deployment.now += timedelta(hours=BOUNDS.window_hours)
    deployment.verify(faces("a", "b", matched=True))
    first = next(deployment.table.query(TENANT, row_prefix="seen:"))
    assert set(first.values) == {"salt"}
    assert wire.forget(TENANT, deployment.now) == 3
    left = [row.row for row in deployment.table.query(TENANT)]
    assert len(left) == 4  # this window's salt and two counters, and where the tenant stands


@pytest.mark.parametrize("operation", ["get", "insert", "replace"])
def test_while_it_cannot_be_counted_there_is_no_result(operation: str) -> None:
    deployment = Deployment(instances=2)
    deployment.verify(faces("a", "b", matched=False))
    deployment.table.faults.fail(operation, times=4)
    with pytest.raises(StorageError):
        deployment.verify(faces("a", "c", matched=False))


def test_counters_that_others_always_change_first_give_no_result() -> None:
    deployment = Deployment(instances=1)
    deployment.verify(([], False))
    deployment.table.faults.fail("replace", times=TRIES_MAX, error=StorageError("busy"))
    with pytest.raises(StorageError):
        deployment.verify(([], False))


@pytest.mark.parametrize("row", [{"score": "0"}, {"score": 0.0, "trips": "[]"}])
def test_a_row_that_is_not_ours_gives_no_result(row: dict[str, str | float]) -> None:
    deployment = Deployment(instances=1)
    deployment.table.put(TENANT, "watch", row)
    with pytest.raises(IntegrityError):
        deployment.verify(([], False))


def test_an_honest_verification_costs_three_operations_on_the_table() -> None:
    deployment = Deployment(instances=1)
    deployment.verify(faces("a", "b", matched=True))
    deployment.verify(faces("c", "d", matched=False))
    wire = deployment.wires[0]
    before = _writes(deployment)
    deployment.verify(faces("e", "f", matched=False))
    assert _writes(deployment) - before == 3
    assert wire.forget(TENANT, deployment.now) == 0


def test_a_policy_without_a_tripwire_counts_nothing() -> None:
    deployment = Deployment(book=PolicyBook(BOOK.policies[:1]))
    for _ in range(20):
        assert deployment.verify(faces("a", "b", matched=False)) is None
    assert list(deployment.table.query(TENANT)) == []


def _writes(deployment: Deployment) -> int:
    return max(int(row.etag) for row in deployment.table.query(TENANT))
