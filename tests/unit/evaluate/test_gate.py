"""The gate between releases: worse by more than noise, for all or for any group, is a no."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Consentry
from tests.support.reports import check_report

from consentry.errors import ArgumentError
from consentry.evaluate.gate import compare


def detection(share: float, group: float = 0.9, margin: float = 0.02) -> dict[str, Any]:
    def one(value: float) -> dict[str, Any]:
        return {"share": value, "cases": 100, "interval": [value - margin, value + margin]}

    return {
        "coverage": {"0": share},
        "coverage_detail": {"0": one(share)},
        "coverage_by_group": {"perceived_skin": {"VI": one(group)}},
    }


def worse(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [step.name for step in compare(before, now) if step.worse]


def test_equal_better_and_within_noise_pass() -> None:
    assert worse(detection(0.9), detection(0.9)) == []
    assert worse(detection(0.9), detection(0.99)) == []
    assert worse(detection(0.9), detection(0.88)) == []


def test_loss_beyond_noise_fails() -> None:
    assert worse(detection(0.9), detection(0.86)) == ["coverage_detail 0"]


def test_loss_of_one_group_fails_though_all_together_gain() -> None:
    assert worse(detection(0.9), detection(0.95, group=0.8)) == [
        "coverage_by_group perceived_skin VI"
    ]


def test_group_that_is_no_longer_measured_fails() -> None:
    now = detection(0.9)
    del now["coverage_by_group"]["perceived_skin"]["VI"]

    assert worse(detection(0.9), now) == ["coverage_by_group perceived_skin VI"]


def test_more_errors_are_worse() -> None:
    def verification(share: float) -> dict[str, Any]:
        rate = {"share": share, "cases": 1500, "interval": [share - 0.005, share + 0.005]}
        return {"operating": {"1e-4": {"similarity": 0.7, "fnmr": rate}}}

    assert worse(verification(0.02), verification(0.04)) == ["operating 1e-4 fnmr"]
    assert worse(verification(0.04), verification(0.02)) == []


def test_baseline_without_rates_is_refused() -> None:
    with pytest.raises(ArgumentError):
        compare({"coverage": {"0": 0.9}}, detection(0.9))


def test_command_says_no_by_its_exit_code(consentry: Consentry, tmp_path: Path) -> None:
    last, new = tmp_path / "last.json", tmp_path / "new.json"
    last.write_text(json.dumps(detection(0.9)), encoding="utf-8")
    new.write_text(json.dumps(detection(0.7)), encoding="utf-8")

    report = tmp_path / "report.html"
    refused = consentry("evaluate", "gate", new, "--baseline", last, "--html", report, "--json")
    passed = consentry("evaluate", "gate", last, "--baseline", last)

    assert refused.code == 1
    assert refused.document == {"compared": 2, "worse": ["coverage_detail 0"]}
    check_report(report, plots=0)
    assert passed.code == 0
    assert "2 rates compared, 0 worse" in passed.out


def test_file_that_is_not_json_is_refused(consentry: Consentry, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[", encoding="utf-8")

    ran = consentry("evaluate", "gate", tmp_path / "a.json", "--baseline", tmp_path / "a.json")

    assert ran.code == 4
