"""What anybody may know of a deployment: what it does, under which rules, and how often it errs.

The document is made of the policy in force, the pinned models, the files that measuring commands
wrote, and the settings, whenever somebody asks: no part of it is written down elsewhere, and
nothing in it names a tenant.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from consentry import __version__
from consentry.errors import IntegrityError
from consentry.limits import (
    CALIBRATION_DAYS,
    FACE_ID_SECONDS_MAX,
    FACE_ID_SECONDS_MIN,
    RESULT_ADDRESS_SECONDS,
    UPLOAD_ADDRESS_SECONDS,
)
from consentry.service.judging import TARGET_FMR
from consentry.service.settings import Settings
from consentry.trust.operations import Capability
from consentry.trust.policy import Policy, UseCase
from consentry.trust.tripwire import false_alarm_calls
from consentry.vision.layer.lock import ModelPin, pinned

DOES: Final[Mapping[Capability, str]] = {
    Capability.DETECT: "It finds the faces in a picture and says where they are.",
    Capability.REDACT: (
        "It masks the faces in a picture, looks again at the result, and withholds what still "
        "shows a face."
    ),
    Capability.VERIFY: (
        "It compares one face with one other, both claimed to be of one person, and says whether "
        "they are alike enough."
    ),
}
DOES_NOT: Final = (
    "It does not tell whether a living person is there: there is no liveness check. A photograph "
    "of somebody, shown to a camera, passes for that person.",
    "It never searches: no answer says of a face which of many it is like, and no gallery of "
    "people is kept. A tenant that calibrates has its own people compared with each other under "
    f"their consents, once in {CALIBRATION_DAYS} days, and is told rates with noise, from which "
    "little can be learnt of any one of them.",
    "It infers no trait of anybody: no emotion, gender, age, origin or any other. There is no "
    "model for these, and none can be added by a setting.",
    "It makes no template of a face that nobody claimed.",
    "It does not know where a camera or a person really is, nor whether consent was freely given.",
    "It errs: it takes some people for others, does not recognise some, and leaves some faces "
    "unmasked. How often, where that was measured, is told below; other cameras and people have "
    "other rates.",
)

_MEASURED: Final = "consentry.vision.measured"
_WRITTEN_BY: Final = re.compile(r"# Written by `([^`]+)`")

_NO_ERROR_RATE: Final = ("ms_", "threads", "version", "template_version")

Figure = str | int | float | bool | list[Any]


@dataclass(frozen=True)
class Measurement:
    """One file of measured figures, as the command that is named wrote it.

    ``facts`` are of the measurement as a whole, ``rows`` of its tables.
    """

    name: str
    written_by: str
    sha256: str
    facts: Mapping[str, Figure]
    rows: tuple[Mapping[str, Figure], ...]


def parse_measurement(file: str, data: bytes) -> Measurement:
    """Read a file of figures, TOML or JSON; IntegrityError if no command says that it wrote it."""
    name, _, kind = file.rpartition(".")
    text = data.decode()
    document = json.loads(text) if kind == "json" else tomllib.loads(text)
    comment = _WRITTEN_BY.match(text)
    written_by = comment[1] if comment else document.pop("writtenBy", None)
    if not isinstance(written_by, str):
        raise IntegrityError("a file of figures does not say which command wrote it")
    facts = {
        key: value
        for key, value in document.items()
        if isinstance(value, str | int | float) and not key.startswith(_NO_ERROR_RATE)
    }
    rows = tuple(row for key, value in document.items() for row in _rows((key,), value))
    return Measurement(name, written_by, hashlib.sha256(data).hexdigest(), facts, rows)


def _rows(path: tuple[str, ...], value: object) -> Iterator[Mapping[str, Figure]]:
    """Find tables, and rates that lie below names; vectors are for machines."""
    if isinstance(value, list):
        yield from (row for row in value if isinstance(row, dict))
    elif isinstance(value, dict) and "share" in value:
        yield {"rate": path[0], "of": ", ".join(path[1:]), **value}
    elif isinstance(value, dict):
        for key, found in value.items():
            yield from _rows((*path, key), found)


@cache
def measured() -> tuple[Measurement, ...]:
    """Read the figures that this version of the package was released with."""
    found = sorted(files(_MEASURED).iterdir(), key=lambda entry: entry.name)
    return tuple(
        parse_measurement(entry.name, entry.read_bytes())
        for entry in found
        if entry.name.endswith((".toml", ".json"))
    )


@dataclass(frozen=True)
class Sources:
    """All that the document is made of."""

    policy: Policy
    models: tuple[ModelPin, ...]
    measurements: tuple[Measurement, ...]
    settings: Settings


def sources(policy: Policy, settings: Settings) -> Sources:
    """Gather what this deployment goes by."""
    return Sources(policy, pinned().models, measured(), settings)


def transparency(given: Sources, now: datetime) -> dict[str, Any]:
    """Make the document, as it is told at this instant."""
    policy, settings = given.policy, given.settings
    return {
        "service": {"name": "Consentry", "version": __version__},
        "asOf": now.isoformat(timespec="seconds"),
        "jurisdiction": settings.jurisdiction,
        "contact": settings.contact,
        "does": {capability.value: sentence for capability, sentence in DOES.items()},
        "doesNot": list(DOES_NOT),
        "livenessCheck": False,
        "policy": {
            "version": policy.version,
            "digest": policy.digest,
            "takesEffect": policy.takes_effect.isoformat(),
            "approvableUses": _uses(use for use in policy.use_cases.values() if not use.practices),
            "refusedUses": _uses(use for use in policy.use_cases.values() if use.practices),
            "refusals": [
                {"reason": rule.reason, "sentence": rule.sentence, "source": rule.source}
                for rule in policy.refusals
            ],
        },
        "thresholds": _thresholds(policy),
        "models": [_model(model) for model in given.models],
        "measurements": [
            {
                "name": one.name,
                "writtenBy": one.written_by,
                "sha256": one.sha256,
                "facts": dict(one.facts),
                "rows": [dict(row) for row in one.rows],
            }
            for one in given.measurements
        ],
        "retention": _retention(settings),
    }


def _uses(use_cases: Iterable[UseCase]) -> list[dict[str, Any]]:
    return [
        {
            "title": use.title,
            "capabilities": [capability.value for capability in use.capabilities],
            "sectors": [sector.value for sector in use.sectors],
        }
        for use in use_cases
    ]


def _thresholds(policy: Policy) -> dict[str, Any]:
    """What decisions have to keep to, and when verifications count as a search."""
    found: dict[str, Any] = {
        "requirements": {
            capability.value: required.model_dump(mode="json")
            for capability, required in policy.requirements.items()
        },
        "approvalDaysMax": policy.approval_days_max,
        "falseMatchRateUnlessDecided": TARGET_FMR,
    }
    if policy.default_terms is not None:
        found["defaultTerms"] = policy.default_terms.model_dump(mode="json")
    if policy.tripwire is not None:
        honest = policy.tripwire.honest_non_matches
        found["tripwire"] = {
            **policy.tripwire.model_dump(mode="json"),
            "false_alarm_calls_at_half_the_non_matches": round(
                false_alarm_calls(honest / 2, policy.tripwire)
            ),
        }
    return found


def _model(model: ModelPin) -> dict[str, Any]:
    return {
        "role": model.role.value,
        "name": model.name,
        "licence": model.licence,
        "sha256": model.sha256,
        "package": f"{model.package.name} {model.package.version}",
        "sourceSha256": model.source_sha256,
    }


def _retention(settings: Settings) -> dict[str, Any]:
    """How long things are kept at most, where no tenant or decision says less."""
    return {
        "templateSeconds": {"least": FACE_ID_SECONDS_MIN, "most": FACE_ID_SECONDS_MAX},
        "days": {container.value: days for container, days in settings.retention().usual.items()},
        "uploadAddressSeconds": UPLOAD_ADDRESS_SECONDS,
        "resultAddressSeconds": RESULT_ADDRESS_SECONDS,
    }
