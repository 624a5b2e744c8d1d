"""Seconds are counted by stage, for the caller and whoever works for it, and for nobody else."""

from threading import Barrier, Thread

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


def test_seconds_of_models_are_those_in_which_any_of_them_runs() -> None:
    def met(name: str) -> None:
        with stage(f"{MODEL}{name}"):
            together.wait(timeout=10)

    together = Barrier(2)
    before, models = spent(), model_seconds()
    list(in_order(met, ["one", "other"], threads=2))
    with stage("no model"):
        pass
    after = spent()

    busy = [
        after[f"{MODEL}{name}"] - before.get(f"{MODEL}{name}", 0.0) for name in ("one", "other")
    ]
    assert 0 < model_seconds() - models < sum(busy)


def test_a_stage_that_fails_counts_and_hides_nothing() -> None:
    before = spent().get("failing", 0.0)
    with pytest.raises(ZeroDivisionError), stage("failing"):
        work(1 // 0)

    assert spent()["failing"] > before
