"""Write the figures of docs/models.md anew, from the files that measuring wrote: `make cards`.

A figure stands between two marks that name what it is of, and comes from
`shared/consentry/vision/measured/`. A test fails while the page says something else than the files.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "models.md"
MEASURED: Final = ROOT / "shared" / "consentry" / "vision" / "measured"

_BLOCK: Final = re.compile(
    r"(<!-- figures: ([a-z -]+) -->\n).*?(<!-- end of figures -->\n)", re.DOTALL
)
_PERCEIVED: Final = {
    "perceived_skin": "perceived skin type (Fitzpatrick)",
    "perceived_gender": "perceived gender",
    "perceived_age": "perceived age",
}
_WORN: Final = {
    "con_mascarilla": "with a mask",
    "mascarilla_mal_puesta": "with a mask worn wrongly",
    "sin_mascarilla": "without",
}
_CHANGES: Final = {
    "blur": "blurred, in pixels of a face of 112:",
    "noise": "noise, in greys per channel:",
    "exposure": "light, times",
}
_INTERVAL: Final = "95 % interval"

Figures = Mapping[str, Any]


def detection(found: Figures) -> list[str]:
    """How much of the faces is covered, and what else is."""
    rows = [
        ("all" if least == "0" else f"{least} px high or more", *_covered(each))
        for least, each in found["coverage_detail"].items()
    ]
    return [
        *_table(("labelled faces", "number", "covered", _INTERVAL), rows),
        "",
        f"- Average precision of the profile `recall`, at an overlap of a half: "
        f"{found['average_precision']:.3f}.",
        f"- Withheld, because a face was still found after the last look: {found['withheld']} of "
        f"{found['pictures']} pictures.",
        f"- False masks: {found['false_masks_per_picture']:.2f} for each of "
        f"{found['pictures_without_faces']} parts, the largest rectangle of every picture that "
        "touches no labelled face.",
        f"- A picture takes {found['ms_per_picture']:.0f} ms, a megapixel "
        f"{found['ms_per_megapixel']:.0f} ms, on {found['threads']} threads, at loads of "
        f"{found['ms_at_loads'][0]} to {found['ms_at_loads'][1]}.",
    ]


def detection_groups(found: Figures) -> list[str]:
    """How much of the faces of each group is covered."""
    groups = found["coverage_by_group"]
    rows = [
        (label, name, *_covered(each))
        for kind, label in _PERCEIVED.items()
        for name, each in groups[kind].items()
    ]
    return _table(("", "", "faces", "covered", _INTERVAL), rows)


def redaction(found: Figures) -> list[str]:
    """How many masked faces are recognised again."""
    rows = [
        (
            kind,
            f"{round(each['reidentified']['share'] * each['reidentified']['cases'])} of "
            f"{each['reidentified']['cases']}",
            _between(each["reidentified"]["interval"]),
            f"{100 * each['chance']:.2g} %",
            "yes" if each["above_chance"] else "no",
        )
        for kind, each in found["kinds"].items()
    ]
    return _table(("mask", "recognised", _INTERVAL, "by chance", "above chance"), rows)


def verification(found: Figures) -> list[str]:
    """Thresholds, and how often people are taken for each other or not recognised."""
    rows = [
        (
            f"1 in {round(1 / each['at']):,}" + ("" if each["is_backed"] else " (not backed)"),
            "{:.2g} to {:.2g}".format(*each["fmr_interval"]),
            f"{each['similarity']:.3f}",
            _percent(each["fnmr"], 2),
            _between(each["fnmr_interval"], 2),
        )
        for each in found["threshold"]
        if each["at"] < 0.1
    ]
    return [
        *_table(("false match rate (FMR)", "its interval", "similarity", "FNMR", _INTERVAL), rows),
        "",
        f"- Of {found['pictures']:,} pictures of {found['people']:,} people, "
        f"{found['genuine_pairs']:,} listed pairs of one person, and {found['impostor_pairs']:,} "
        "pairs of different people.",
        f"- Accuracy by LFW's protocol, on these folds: {_percent(found['accuracy'], 2)}, with a "
        f"standard deviation of {_percent(found['accuracy_deviation'], 2)} over folds.",
        f"- Pictures in which no face was found: {found['failures_to_detect']} of "
        f"{found['pictures']:,}. They match nothing.",
        f"- A template takes {found['cpu_ms_per_picture']:.0f} ms of one processor, reading and "
        "finding the face included (median).",
    ]


def quality(found: Figures) -> list[str]:
    """What leaving out bad pictures does to false non-matches."""
    pairs = {
        "listed": f"{found['listed_pairs']:,} listed pairs",
        "every": f"every two pictures ({found['every_pairs']:,})",
    }
    rows = [
        (
            pairs[each["pairs"]],
            f"{each['discarded']:.0%} of the {each['what']}",
            f"{_percent(each['share'], 0)} of {each['cases']}",
            _between(each["interval"], 0),
            _percent(each["fnmr_left"], 2),
        )
        for each in found["removed"]
        if each["discarded"] in {0.05, 0.1, 0.2}
    ]
    levels = [
        (pairs[kind], level, each["cases"], _percent(each["share"], 2), _between(each["interval"]))
        for kind, by_level in found["fnmr_by_level"].items()
        for level, each in by_level.items()
    ]
    head = ("pairs of one person", "left out, worst first")
    return [
        *_table((*head, "false non-matches gone", _INTERVAL, "FNMR of the rest"), rows),
        "",
        *_table((head[0], "the worse picture's level", "pairs", "FNMR", _INTERVAL), levels),
    ]


def fairness(found: Figures) -> list[str]:
    """How unequally errors fall on groups."""
    groups = [
        (_PERCEIVED.get(of, of), name, f"{each['cases']:,}", f"{100 * each['share']:.2g} %",
         "{:.2g} to {:.2g} %".format(*(100 * bound for bound in each["interval"])))
        for of, by_group in found["error_by_group"].items()
        for name, each in by_group.items()
    ]  # fmt: skip
    compared = [
        (
            _PERCEIVED.get(each["of"], each["of"]),
            each["worst"],
            _extent(each["difference"], each["difference_interval"], 100, " %"),
            _extent(each["ratio"], each["ratio_interval"], 1, ""),
        )
        for each in found["disparities"]
    ]
    return [
        *_table(("", "group", "cases", "errors", _INTERVAL), groups),
        "",
        *_table(("", "worst", "greatest less least", "least to greatest"), compared),
    ]


def attributes(found: Figures) -> list[str]:
    """How well pose, light, noise and masks are told."""
    turns = [
        (f"roll of pictures turned by {turn} degrees", *map(_degrees, each))
        for turn, each in found["roll_error"].items()
    ]
    mirrored = [
        (f"{angle} of a picture against its mirror image", *map(_degrees, found[name]))
        for angle, name in (("yaw", "yaw_mirror_error"), ("pitch", "pitch_mirror_error"))
    ]
    changes = [
        (f"{change} {size}", f"{name} {value:.2f}")
        for name, change in _CHANGES.items()
        for size, value in found[name].items()
    ]
    masks = [
        (_WORN.get(kind, kind), answer, *_covered(each))
        for kind, answers in found["masks"].items()
        for answer, each in answers.items()
    ]
    return [
        f"{found['pictures']} pictures, changed by known amounts:",
        "",
        *_table(("what", "median error", "95th percentile"), turns + mirrored),
        "",
        *(
            f"- Mean {angle} of all: {{}} degrees, with a standard deviation of {{}}.".format(
                *found[f"{angle}_mean_and_deviation"]
            )
            for angle in ("yaw", "pitch")
        ),
        "",
        *_table(("change", "value told, median"), changes),
        "",
        *_table(("people", "answer", "faces found", "share", _INTERVAL), masks),
    ]


_RENDERERS: Final[Mapping[str, tuple[str, Callable[[Figures], list[str]]]]] = {
    "detection": ("detection.json", detection),
    "detection by group": ("detection.json", detection_groups),
    "redaction": ("redaction.json", redaction),
    "verification": ("verification.toml", verification),
    "verification fast": ("verification_fast.toml", verification),
    "quality": ("quality.toml", quality),
    "fairness of verification": ("fairness_verification.json", fairness),
    "fairness of redaction": ("fairness_redaction.json", fairness),
    "attributes": ("attributes.json", attributes),
}


def rewritten(text: str) -> str:
    """Give the page with every figure as it was measured last."""
    return _BLOCK.sub(lambda block: block[1] + _rendered(block[2]) + block[3], text)


def _rendered(name: str) -> str:
    file, render = _RENDERERS[name]
    text = (MEASURED / file).read_text(encoding="utf-8")
    found = json.loads(text) if file.endswith(".json") else tomllib.loads(text)
    return "\n".join(["", *render(found), "", ""])


def _table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    lines = [header, ("---",) * len(header), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _covered(each: Figures) -> tuple[str, str, str]:
    return f"{each['cases']:,}", _percent(each["share"], 1), _between(each["interval"])


def _degrees(angle: float) -> str:
    return f"{angle:.1f} degrees"


def _percent(share: float, decimals: int) -> str:
    return f"{100 * share:.{decimals}f} %"


def _between(interval: tuple[float, float], decimals: int = 1) -> str:
    low, high = (f"{100 * bound:.{decimals}f}" for bound in interval)
    return f"{low} to {high} %"


def _extent(value: float | None, interval: tuple[float, float], scale: int, unit: str) -> str:
    if value is None:
        return "no errors"
    low, high = (scale * bound for bound in interval)
    return f"{scale * value:.2g} ({low:.2g} to {high:.2g}){unit}"


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
