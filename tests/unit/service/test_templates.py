"""Templates behind face ids: sealed, bound to their row, gone in time."""

from datetime import datetime, timedelta
from uuid import RFC_4122, UUID, uuid4

import numpy as np
import pytest
from tests.support.memory import Clock, MemoryTable, MemoryWrappingKey

from consentry.errors import ArgumentError, FaceNotFoundError, IntegrityError
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.templates import Binding, TemplateStore, new_face_id

MODEL = "a" * 64
HOUR = timedelta(hours=1)
SUBJECT = "5" * 64
CONSENT = "019cecc5-27b0-7000-8000-0123456789ab"


def _keep(
    store: TemplateStore,
    template: np.ndarray,
    *,
    now: datetime,
    lifetime: timedelta,
    until: datetime | None = None,
) -> UUID:
    face_id = new_face_id(SUBJECT)
    store.keep(
        "contoso",
        face_id,
        template,
        binding=Binding(SUBJECT, CONSENT, until),
        model=MODEL,
        now=now,
        lifetime=lifetime,
    )
    return face_id


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def store(table: MemoryTable) -> TemplateStore:
    return TemplateStore(table, DataKeys(MemoryTable(), MemoryWrappingKey(), Clock()))


@pytest.fixture
def template() -> np.ndarray:
    values = np.arange(1, 129, dtype=np.float32)
    return values / np.linalg.norm(values)


def test_template_comes_back_as_it_went_in(store: TemplateStore, template: np.ndarray) -> None:
    now = Clock()()
    face_id = _keep(store, template, now=now, lifetime=HOUR)
    back = store.open("contoso", face_id, model=MODEL, now=now)
    assert np.array_equal(back.template, template)
    assert back.template.dtype == np.float32
    assert (back.subject, back.consent_id) == (SUBJECT, CONSENT)


def test_template_lies_in_the_table_encrypted_and_never_twice_alike(
    store: TemplateStore, table: MemoryTable, template: np.ndarray
) -> None:
    for _ in range(2):
        _keep(store, template, now=Clock()(), lifetime=HOUR)
    first, second = (row.values["sealed"] for row in table.query("contoso"))
    assert isinstance(first, bytes)
    assert template.tobytes()[:16] not in first
    assert first != second


def test_face_id_ends_at_its_time_on_the_second(store: TemplateStore, template: np.ndarray) -> None:
    clock = Clock()
    face_id = _keep(store, template, now=clock(), lifetime=HOUR)
    clock.advance(seconds=3599)
    store.open("contoso", face_id, model=MODEL, now=clock())
    clock.advance(seconds=1)
    with pytest.raises(FaceNotFoundError):
        store.open("contoso", face_id, model=MODEL, now=clock())


def test_expired_templates_are_deleted_and_others_stay(
    store: TemplateStore, table: MemoryTable, template: np.ndarray
) -> None:
    clock = Clock()
    _keep(store, template, now=clock(), lifetime=HOUR)
    stays = _keep(store, template, now=clock(), lifetime=2 * HOUR)
    clock.advance(hours=1)
    assert store.expire(clock()) == 1
    assert [row.row for row in table.query("contoso")] == [str(stays)]


def test_unknown_face_id_and_other_tenants_look_alike(
    store: TemplateStore, template: np.ndarray
) -> None:
    now = Clock()()
    face_id = _keep(store, template, now=now, lifetime=HOUR)
    for tenant, asked in (("contoso", uuid4()), ("fabrikam", face_id)):
        with pytest.raises(FaceNotFoundError, match="no such face id"):
            store.open(tenant, asked, model=MODEL, now=now)


def test_template_of_another_model_is_not_compared(
    store: TemplateStore, template: np.ndarray
) -> None:
    now = Clock()()
    face_id = _keep(store, template, now=now, lifetime=HOUR)
    with pytest.raises(FaceNotFoundError, match="other models"):
        store.open("contoso", face_id, model="b" * 64, now=now)


@pytest.mark.parametrize(
    "change", ["tenant", "id", "expires", "subject", "consent", "bytes", "missing"]
)
def test_row_that_was_tampered_with_does_not_open(
    store: TemplateStore, table: MemoryTable, template: np.ndarray, change: str
) -> None:
    now = Clock()()
    face_id = _keep(store, template, now=now, lifetime=HOUR)
    row = next(iter(table.query("contoso")))
    sealed = row.values["sealed"]
    assert isinstance(sealed, bytes)
    tenant, asked, values = "contoso", face_id, dict(row.values)
    match change:
        case "tenant":
            tenant = "fabrikam"
            store.keys.newest(tenant, Purpose.TEMPLATES)
        case "id":
            asked = uuid4()
        case "expires":
            values["expires"] = now + 2 * HOUR
        case "subject" | "consent":
            values[change] = "6" * 64
        case "bytes":
            values["sealed"] = sealed[:-1] + bytes([sealed[-1] ^ 1])
        case "missing":
            del values["sealed"]
    table.put(tenant, str(asked), values)
    with pytest.raises(IntegrityError):
        store.open(tenant, asked, model=MODEL, now=now)


def test_old_templates_open_after_a_rotation_until_their_key_is_destroyed(
    store: TemplateStore, template: np.ndarray
) -> None:
    now = Clock()()
    old = _keep(store, template, now=now, lifetime=HOUR)
    store.keys.rotate("contoso", Purpose.TEMPLATES)
    new = _keep(store, template, now=now, lifetime=HOUR)
    for face_id in (old, new):
        back = store.open("contoso", face_id, model=MODEL, now=now)
        assert np.array_equal(back.template, template)
    store.keys.destroy("contoso", Purpose.TEMPLATES, 1)
    again = TemplateStore(store.table, store.keys)
    store.keys.rotate("contoso", Purpose.TEMPLATES)  # which looks at the table again
    with pytest.raises(FaceNotFoundError, match="key"):
        again.open("contoso", old, model=MODEL, now=now)
    back = again.open("contoso", new, model=MODEL, now=now)
    assert np.array_equal(back.template, template)


@pytest.mark.parametrize("seconds", [0, 59, 86_401])
def test_template_with_a_life_out_of_range_is_not_kept(
    store: TemplateStore, table: MemoryTable, template: np.ndarray, seconds: int
) -> None:
    with pytest.raises(ArgumentError):
        _keep(store, template, now=Clock()(), lifetime=timedelta(seconds=seconds))
    assert list(table.query()) == []


def test_template_ends_with_its_consent(store: TemplateStore, template: np.ndarray) -> None:
    clock = Clock()
    end = clock() + timedelta(seconds=90)
    face_id = _keep(store, template, now=clock(), lifetime=HOUR, until=end)
    clock.advance(seconds=89)
    store.open("contoso", face_id, model=MODEL, now=clock())
    clock.advance(seconds=1)
    with pytest.raises(FaceNotFoundError):
        store.open("contoso", face_id, model=MODEL, now=clock())


def test_a_subjects_templates_are_found_emptied_and_forgotten(
    store: TemplateStore, table: MemoryTable, template: np.ndarray
) -> None:
    now = Clock()()
    kept = {str(_keep(store, template, now=now, lifetime=HOUR)) for _ in range(2)}
    other = SUBJECT[:-1] + "6"  # whose face ids begin with the same digits
    foreign = new_face_id(other)
    store.keep(
        "contoso", foreign, template, binding=Binding(other), model=MODEL, now=now, lifetime=HOUR
    )
    assert set(store.of_subject("contoso", SUBJECT)) == kept
    for _ in range(2):  # emptied twice is emptied
        store.empty("contoso", kept)
        sealed = {row.row for row in table.query("contoso") if row.values["sealed"]}
        assert sealed == {str(foreign)}
        assert set(store.of_subject("contoso", SUBJECT)) == kept
    for face_id in kept:
        with pytest.raises(FaceNotFoundError):
            store.open("contoso", UUID(face_id), model=MODEL, now=now)
    store.forget("contoso", kept)
    assert store.of_subject("contoso", SUBJECT) == []
    assert store.of_subject("contoso", other) == [str(foreign)]


def test_emptied_templates_go_with_time_and_are_not_counted_again(
    store: TemplateStore, table: MemoryTable, template: np.ndarray
) -> None:
    clock = Clock()
    store.empty("contoso", [str(_keep(store, template, now=clock(), lifetime=HOUR))])
    clock.advance(hours=1)
    assert store.expire(clock()) == 0
    assert list(table.query()) == []


def test_face_ids_of_a_subject_are_random_but_for_their_first_digits() -> None:
    made = {new_face_id(SUBJECT) for _ in range(100)}
    assert len({face_id.hex[8:] for face_id in made}) == 100
    assert {face_id.hex[:8] for face_id in made} == {SUBJECT[:8]}
    assert {(face_id.version, face_id.variant) for face_id in made} == {(8, RFC_4122)}
