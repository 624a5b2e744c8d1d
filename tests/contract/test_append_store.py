import pytest

from consentry.errors import ConflictError, NotFoundError
from consentry.service.ports import AppendStore


def test_appends_follow_each_other(appends: AppendStore, place: str) -> None:
    appends.create(place)
    assert appends.size(place) == 0
    appends.append(place, b"one\n", position=0)
    appends.append(place, b"two\n", position=4)
    assert appends.read(place) == b"one\ntwo\n"
    assert appends.read(place, start=4) == b"two\n"
    assert appends.size(place) == 8


def test_reading_from_the_end_gives_nothing(appends: AppendStore, place: str) -> None:
    appends.create(place)
    assert appends.read(place) == b""
    appends.append(place, b"one\n", position=0)
    assert appends.read(place, start=4) == b""


@pytest.mark.parametrize("position", [0, 3, 5])
def test_an_append_elsewhere_than_at_the_end_changes_nothing(
    appends: AppendStore, place: str, position: int
) -> None:
    appends.create(place)
    appends.append(place, b"one\n", position=0)
    with pytest.raises(ConflictError):
        appends.append(place, b"two\n", position=position)
    assert appends.read(place) == b"one\n"


def test_an_append_to_nothing_is_a_conflict(appends: AppendStore, place: str) -> None:
    with pytest.raises(ConflictError):
        appends.append(place, b"one\n", position=0)
    assert appends.size(place) is None


def test_what_exists_is_not_created_again(appends: AppendStore, place: str) -> None:
    appends.create(place)
    appends.append(place, b"one\n", position=0)
    with pytest.raises(ConflictError):
        appends.create(place)
    assert appends.read(place) == b"one\n"


def test_a_checkpoint_is_written_once(appends: AppendStore, place: str) -> None:
    appends.put(place, b"first")
    with pytest.raises(ConflictError):
        appends.put(place, b"second")
    assert appends.read(place) == b"first"


def test_what_is_not_there_has_no_size_and_no_content(appends: AppendStore, place: str) -> None:
    assert appends.size(place) is None
    with pytest.raises(NotFoundError):
        appends.read(place)


def test_a_list_has_sizes_and_the_order_of_names(appends: AppendStore, place: str) -> None:
    for ending in ("2", "1"):
        appends.put(f"{place}/{ending}", b"x" * int(ending))
    found = [(part.name, part.size) for part in appends.list(f"{place}/")]
    assert found == [(f"{place}/1", 1), (f"{place}/2", 2)]
    assert (f"{place}/1", 1) in [(part.name, part.size) for part in appends.list()]
