"""Measured figures as TOML files, which the service goes by and which documents quote."""

import json
from typing import Final

from consentry.evaluate.quality import LEVEL_FMR, QualityFigures
from consentry.evaluate.rates import Rate
from consentry.evaluate.verification import Verification
from consentry.vision.calibrate import CALIBRATION_VERSION

_HEAD: Final = """\
# Written by `consentry evaluate verification --record`; measure again instead of changing it.
# `fmr` is the share of pairs of different people that reach a similarity, `fnmr` the share of
# listed pairs of one person that do not; intervals are 95 %, by bootstrap over people. A rate is
# backed where at least 30 pairs of different people decide it.
"""


_QUALITY_HEAD: Final = """\
# Written by `consentry evaluate quality --record`; measure again instead of changing it.
# `embedder` is the SHA-256 of the published weights, `strengths` are the lengths of its raw output
# at every twentieth of the pictures. The worst are `discarded`, pictures or comparisons of one
# person's; `share` is of the false non-matches, at `fmr`, that go with them, or of the comparisons
# that fail. Intervals are 95 %.
"""


def verification_record(found: Verification, data: str) -> str:
    """Write down a measurement; ``data`` says in words on what it was made."""
    lines = [
        f"version = {CALIBRATION_VERSION}",
        f"data = {json.dumps(data, ensure_ascii=False)}",
        f"profile = {json.dumps(found.profile)}",
        f"template_version = {json.dumps(found.template_version)}",
        f"pictures = {found.pictures}",
        f"people = {found.people}",
        f"pairs = {found.pairs}",
        f"genuine_pairs = {found.genuine_pairs}",
        f"impostor_pairs = {found.impostor_pairs}",
        f"failures_to_detect = {found.failures_to_detect}",
        f"accuracy = {found.accuracy}",
        f"accuracy_deviation = {found.accuracy_deviation}",
        f"cpu_ms_per_picture = {found.cpu_ms_per_picture}",
    ]
    for at, each in found.operating.items():
        low, high = each.interval
        missed_low, missed_high = each.fnmr.interval
        lines += [
            "",
            "[[threshold]]",
            f"at = {float(at)}",
            f"similarity = {each.threshold.similarity}",
            f"fmr = {each.threshold.fmr:.4g}",
            f"fmr_interval = [{low:.4g}, {high:.4g}]",
            f"is_backed = {json.dumps(each.threshold.is_backed)}",
            f"fnmr = {each.fnmr.share:.4g}",
            f"fnmr_interval = [{missed_low:.4g}, {missed_high:.4g}]",
        ]
    for group, missed in found.fnmr_by_group.items():
        lines += ["", f"[fnmr_by_group.{json.dumps(group)}]", *_rate_lines(missed)]
    for groups, matched in found.fmr_by_groups.items():
        lines += ["", f"[fmr_by_groups.{json.dumps(groups)}]", *_rate_lines(matched)]
    return _HEAD + "\n".join(lines) + "\n"


def quality_record(found: QualityFigures, data: str) -> str:
    """Write down the scale of quality and what it foretells, at one FMR."""
    strengths = "".join(f"    {each:.4f},\n" for each in found.scale.strengths)
    lines = [
        f"embedder = {json.dumps(found.scale.embedder)}",
        f"data = {json.dumps(data, ensure_ascii=False)}",
        f"pictures = {found.pictures}",
        f"people = {found.people}",
        f"failures_to_detect = {found.failures_to_detect}",
        f"fmr = {float(LEVEL_FMR)}",
        f"listed_pairs = {found.listed.pairs}",
        f"every_pairs = {found.every.pairs}",
        f"strengths = [\n{strengths}]",
    ]
    for pairs, kind in (("listed", found.listed), ("every", found.every)):
        for what, curve in (("pictures", kind.by_picture), ("comparisons", kind.by_comparison)):
            for each in curve:
                if each.fmr == LEVEL_FMR and each.discarded:
                    lines += [
                        "",
                        "[[removed]]",
                        f"pairs = {json.dumps(pairs)}",
                        f"what = {json.dumps(what)}",
                        f"discarded = {each.discarded}",
                        *_rate_lines(each.removed),
                        f"fnmr_left = {each.fnmr.share:.4g}",
                    ]
    for pairs, kind in (("listed", found.listed), ("every", found.every)):
        for level, missed in kind.levels.items():
            if missed.cases:
                lines += ["", f"[fnmr_by_level.{pairs}.{level}]", *_rate_lines(missed)]
    return _QUALITY_HEAD + "\n".join(lines) + "\n"


def _rate_lines(each: Rate) -> list[str]:
    low, high = each.interval
    return [
        f"share = {each.share:.4g}",
        f"cases = {each.cases}",
        f"interval = [{low:.4g}, {high:.4g}]",
    ]
