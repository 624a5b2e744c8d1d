"""Measured figures as a TOML file, which calibrates confidences and which documents quote."""

import json
from typing import Final

from consentry.evaluate.verification import Verification
from consentry.vision.calibrate import CALIBRATION_VERSION

_HEAD: Final = """\
# Written by `consentry evaluate verification --record`; measure again instead of changing it.
# `fmr` is the share of pairs of different people that reach a similarity, `fnmr` the share of
# listed pairs of one person that do not; intervals are 95 %, by bootstrap over people. A rate is
# backed where at least 30 pairs of different people decide it.
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
        low, high = missed.interval
        lines += [
            "",
            f"[fnmr_by_group.{json.dumps(group)}]",
            f"share = {missed.share:.4g}",
            f"pairs = {missed.cases}",
            f"interval = [{low:.4g}, {high:.4g}]",
        ]
    for groups, matched in found.fmr_by_groups.items():
        lines += [
            "",
            f"[fmr_by_groups.{json.dumps(groups)}]",
            f"fmr = {matched['fmr']:.4g}",
            f"pairs = {matched['pairs']}",
        ]
    return _HEAD + "\n".join(lines) + "\n"
