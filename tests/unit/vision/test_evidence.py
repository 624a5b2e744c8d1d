"""Evidence: what two detectors say of one place, and what stands beside it, in one likelihood."""

import numpy as np
import pytest
from numpy.typing import NDArray

from consentry.vision.evidence import likelihood, weigh

Floats = NDArray[np.float32]


def found(*faces: tuple[float, float, float]) -> Floats:
    """Rows of faces (left, side, score)."""
    rows = [[left, 0, left + side, side, *[left] * 10, score] for left, side, score in faces]
    return np.array(rows, np.float32).reshape(-1, 15)


def one(yunet: float, centerface: float, height: float = 32) -> float:
    return float(likelihood(np.array([[yunet, centerface]], np.float32), np.array([height]))[0])


def test_two_witnesses_are_worth_more_than_either() -> None:
    both = one(0.4, 0.4)

    assert both > one(0.4, 0.0)
    assert both > one(0.0, 0.4)
    assert one(0.95, 0.95) > 0.9
    assert one(0.1, 0.1) < 0.05


def test_likelihood_rises_with_either_score_at_every_size() -> None:
    for height in (8, 16, 32, 128, 512):
        rising = [one(score, score, height) for score in (0.1, 0.3, 0.5, 0.7, 0.9)]

        assert rising == sorted(rising)


def test_sure_faces_of_like_size_make_a_doubtful_one_likelier() -> None:
    scores = np.array([[0.3, 0.2], [0.9, 0.9], [0.9, 0.9]], np.float32)

    alone = likelihood(scores[:1], np.array([20], np.float32))[0]
    beside_alike = likelihood(scores, np.array([20, 24, 18], np.float32))[0]
    beside_other = likelihood(scores, np.array([20, 200, 180], np.float32))[0]

    assert beside_alike > alone
    assert beside_other == pytest.approx(alone)


def test_sure_face_is_not_its_own_neighbour() -> None:
    alone = likelihood(np.array([[0.9, 0.9]], np.float32), np.array([30], np.float32))

    assert alone[0] == pytest.approx(one(0.9, 0.9, 30))


def test_looks_at_one_place_become_one_row_of_the_surest() -> None:
    yunet = found((100, 20, 0.5), (101, 20, 0.3))
    centerface = found((99, 21, 0.6), (400, 20, 0.2))

    rows, _ = weigh(yunet, centerface)

    assert rows[:, 0].tolist() == [99, 400]
    assert rows[0, 14] == pytest.approx(likelihood(
        np.array([[0.5, 0.6], [0.0, 0.2]], np.float32), np.array([21, 20], np.float32)
    )[0])  # fmt: skip


def test_place_is_alone_until_a_likely_face_of_about_its_size_is_seen() -> None:
    doubtful = (100, 20, 0.3)
    accompanied = []
    for other in ((300, 22, 0.5), (300, 90, 0.98), (300, 22, 0.9)):
        places, alone = weigh(found(doubtful, other), found(other))
        if not alone[places[:, 0] == 100].all():
            accompanied.append(other)

    assert accompanied == [(300, 22, 0.9)]


def test_likely_face_is_not_its_own_company() -> None:
    (place,), alone = weigh(found((100, 20, 0.95)), found((100, 20, 0.95)))

    assert place[14] > 0.9
    assert alone.all()


def test_nothing_seen_gives_no_row() -> None:
    places, alone = weigh(found(), found())

    assert places.shape == (0, 15)
    assert alone.shape == (0,)
