"""Seconds are counted by stage, for the caller and whoever works for it, and for nobody else."""

from threading import Thread

import pytest

from consentry.vision.stages import MODEL, model_seconds, spent, stage
from consentry.vision.workers import in_order


def work(item: int) -> int:
    """Do something that counts."""
    with stage("work"), stage(f"{MODEL}toy"):
        return item * 2


def test_what_others_do_for_a_caller_counts_for_it() -> None:
    before = spent().get("work", 0.0)

    assert list(in_order(work, range(5), threads=2)) == [0, 2, 4, 6, 8]

    assert spent()["work"] > before


def test_what_others_do_for_themselves_does_not() -> None:
    before = spent()
    other = Thread(target=work, args=(1,))
    other.start()
    other.join()

    assert spent() == before


def test_seconds_of_models_are_those_of_their_stages_alone() -> None:
    before, models = spent(), model_seconds()
    work(1)
    after = spent()

    name = f"{MODEL}toy"
    toy = after[name] - before.get(name, 0.0)
    assert abs(model_seconds() - models - toy) < 1e-9


def test_a_stage_that_fails_counts_and_hides_nothing() -> None:
    before = spent().get("failing", 0.0)
    with pytest.raises(ZeroDivisionError), stage("failing"):
        work(1 // 0)

    assert spent()["failing"] > before
