"""Similarity, false match rate and confidence say the same thing three times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.layer import vision

from consentry.errors import LayerError
from consentry.vision.calibrate import parse_calibration, shipped

TEXT = """
version = 1
data = "made up"
template_version = "abc"
pictures = 9
people = 5
impostor_pairs = 36
[[threshold]]
similarity = 0.25
fmr = 1e-2
fmr_interval = [5e-3, 2e-2]
is_backed = true
[[threshold]]
similarity = 0.75
fmr = 1e-4
fmr_interval = [2e-5, 5e-4]
is_backed = true
[[threshold]]
similarity = 0.9
fmr = 1e-6
fmr_interval = [0, 1e-4]
is_backed = false
"""
MADE_UP = parse_calibration(TEXT)


def test_measured_points_are_met_and_halfway_is_the_geometric_mean() -> None:
    assert MADE_UP.estimate(0.25).fmr == pytest.approx(1e-2)
    assert MADE_UP.estimate(0.5).fmr == pytest.approx(1e-3)
    assert MADE_UP.estimate(0.5).interval == pytest.approx(((5e-3 * 2e-5) ** 0.5, 1e-5**0.5))
    assert MADE_UP.similarity_at(1e-4) == pytest.approx(0.75)


def test_confidence_is_the_tenth_of_the_decimals() -> None:
    assert MADE_UP.confidence(0.75) == pytest.approx(0.4)
    assert MADE_UP.confidence(1.0) == pytest.approx(0.5)
    assert MADE_UP.confidence_at(1e-5) == pytest.approx(0.5)


def test_rate_that_too_few_pairs_decide_is_no_point() -> None:
    assert MADE_UP.least_fmr == 1e-4
    assert len(MADE_UP.points) == 2


@pytest.mark.parametrize(
    ("similarity", "extrapolated"), [(0.24, True), (0.25, False), (0.75, False), (0.76, True)]
)
def test_what_was_not_measured_is_marked(similarity: float, extrapolated: bool) -> None:
    assert MADE_UP.estimate(similarity).is_extrapolated is extrapolated


@given(similarity=st.floats(-1, 1))
def test_confidence_is_a_share_and_the_rates_are_probabilities(similarity: float) -> None:
    estimate = MADE_UP.estimate(similarity)

    assert 0.0 <= MADE_UP.confidence(similarity) <= 1.0
    assert 0.0 < estimate.interval[0] <= estimate.interval[1] <= 1.0
    assert 0.0 < estimate.fmr <= 1.0


@given(one=st.floats(-1, 1), other=st.floats(-1, 1))
def test_more_alike_is_never_less_confident(one: float, other: float) -> None:
    lower, higher = sorted((one, other))

    assert MADE_UP.confidence(lower) <= MADE_UP.confidence(higher)
    assert MADE_UP.estimate(lower).fmr >= MADE_UP.estimate(higher).fmr


@given(exponent=st.floats(-9, 0))
def test_rate_of_the_similarity_of_a_rate_is_that_rate(exponent: float) -> None:
    fmr = 10**exponent

    assert MADE_UP.estimate(MADE_UP.similarity_at(fmr)).fmr == pytest.approx(fmr, rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, -1e-3, 1.5])
def test_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="false match rate"):
        MADE_UP.similarity_at(rate)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1", "version ="),
        ('data = "made up"\n', ""),
        ("similarity = 0.75", "similarity = 0.2"),
        ("similarity = 0.75", 'similarity = "high"'),
        ("fmr = 1e-4", "fmr = 1e-2"),
        ("[5e-3, 2e-2]", "[0, 2e-2]"),
        ("[5e-3, 2e-2]", "[1e-4, 2e-4]"),
        ("[5e-3, 2e-2]", "[1e-4]"),
        ("1e-4]\nis_backed = false", "1e-4]"),
    ],
)
def test_file_that_is_no_calibration_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(LayerError, match="calibration"):
        parse_calibration(TEXT.replace(old, new))


def test_shipped_calibration_is_of_the_pinned_models_and_backs_the_default_threshold() -> None:
    calibration = vision().calibration()

    assert calibration == shipped()
    assert calibration.least_fmr <= 1e-5
    assert calibration.confidence_at(1e-5) == pytest.approx(0.5, abs=1e-9)
