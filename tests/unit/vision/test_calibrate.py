"""Cosine, false match rate and confidence say the same thing three times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.vision.calibrate import (
    MEASURED,
    confidence,
    confidence_at,
    false_match_rate,
    is_extrapolated,
    similarity_at,
)


@pytest.mark.parametrize(("cosine", "rate"), MEASURED)
def test_measured_points_are_met(cosine: float, rate: float) -> None:
    assert false_match_rate(cosine) == pytest.approx(rate)
    assert similarity_at(rate) == pytest.approx(cosine)


def test_confidence_of_one_half_is_one_in_a_hundred_thousand() -> None:
    assert confidence_at(1e-5) == pytest.approx(0.5)
    assert confidence(MEASURED[-1][0]) == pytest.approx(0.5)


@given(cosine=st.floats(-1, 1))
def test_confidence_is_a_share_and_the_rate_a_probability(cosine: float) -> None:
    assert 0.0 <= confidence(cosine) <= 1.0
    assert 0.0 < false_match_rate(cosine) <= 1.0


@given(one=st.floats(-1, 1), other=st.floats(-1, 1))
def test_more_alike_is_never_less_confident(one: float, other: float) -> None:
    lower, higher = sorted((one, other))
    assert confidence(lower) <= confidence(higher)
    assert false_match_rate(lower) >= false_match_rate(higher)


@given(exponent=st.floats(-9, 0))
def test_rate_of_the_cosine_of_a_rate_is_that_rate(exponent: float) -> None:
    assert false_match_rate(similarity_at(10**exponent)) == pytest.approx(10**exponent, rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, -1e-3, 1.5])
def test_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="false match rate"):
        similarity_at(rate)


def test_what_was_not_measured_is_marked() -> None:
    first, last = MEASURED[0][0], MEASURED[-1][0]

    assert is_extrapolated(first - 0.01)
    assert not is_extrapolated(first)
    assert not is_extrapolated(last)
    assert is_extrapolated(last + 0.01)
