"""An application for access: what a tenant says that it wants to do, in closed vocabularies.

The words are the facts that the policy's rules look at, so there is no free text among them;
the description is for the reviewers.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from consentry.limits import DESCRIPTION_CHARACTERS_MAX, NAME_CHARACTERS_MAX, PLACES_MAX
from consentry.trust.chain import canonical
from consentry.trust.operations import Capability

Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARACTERS_MAX)
]
Mail = Annotated[
    str,
    StringConstraints(
        max_length=NAME_CHARACTERS_MAX, pattern=r"^[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
    ),
]
Place = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
"""A jurisdiction: ISO 3166-1 alpha-2, or ISO 3166-2 for a part of it (``US``, ``US-IL``)."""
Places = Annotated[tuple[Place, ...], Field(max_length=PLACES_MAX)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Sector(StrEnum):
    """Who applies."""

    COMMERCIAL = "commercial"
    PUBLIC = "public"


class Camera(StrEnum):
    """Where pictures come from; MOBILE is hand-held, body-worn or dash-mounted."""

    NONE = "none"
    FIXED = "fixed"
    MOBILE = "mobile"


class Capture(StrEnum):
    """Whether faces are looked at while they are filmed or afterwards."""

    LIVE = "live"
    STORED = "stored"


class Space(StrEnum):
    """Where people are filmed."""

    PRIVATE = "private"
    PUBLIC = "public"


class Subjects(StrEnum):
    """Who is filmed."""

    ADULTS = "adults"
    MINORS = "minors"
    EMPLOYEES = "employees"
    STUDENTS = "students"


class References(StrEnum):
    """Where the pictures come from with which faces are compared."""

    NONE = "none"
    GIVEN_BY_SUBJECT = "given_by_subject"
    IDENTITY_DOCUMENT = "identity_document"
    OWN_RECORDS = "own_records"
    SCRAPED = "scraped"
    BOUGHT = "bought"


class ConsentTaken(StrEnum):
    """How consent is taken; CONDITION is consent that a job, a place or a service depends on."""

    WRITTEN = "written"
    ELECTRONIC = "electronic"
    SPOKEN = "spoken"
    CONDITION = "condition"
    IMPLIED = "implied"
    NONE = "none"


class Practice(StrEnum):
    """What is done with faces beyond the plain use case."""

    SURVEILLANCE = "surveillance"
    REAL_TIME_IDENTIFICATION = "real_time_identification"
    PERSISTENT_TRACKING = "persistent_tracking"
    REMOTE_IDENTIFICATION = "remote_identification"
    SEARCH = "search"
    EMOTION_INFERENCE = "emotion_inference"
    TRAIT_INFERENCE = "trait_inference"
    CATEGORISATION = "categorisation"
    TASK_MONITORING = "task_monitoring"


class LawEnforcementPart(StrEnum):
    """What law enforcement has to do with it."""

    NONE = "none"
    USES = "uses"
    CONTRACTOR = "contractor"  # it is done on behalf of law enforcement
    VENDOR = "vendor"  # it is sold or lent to law enforcement
    BENEFITS = "benefits"  # law enforcement gets what comes of it


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Deployment(_Strict):
    """Where and how people are filmed."""

    camera: Camera
    capture: Capture
    space: Space


class LawEnforcement(_Strict):
    """What part law enforcement has, and where; ``jurisdictions`` are those of its agencies."""

    part: LawEnforcementPart
    jurisdictions: Places = ()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.part is LawEnforcementPart.NONE) is bool(self.jurisdictions):
            raise ValueError("say where law enforcement takes part, if it does and only then")
        return self


class Application(_Strict):
    """What a tenant applies for."""

    organisation: Text
    work_email: Mail
    sector: Sector
    jurisdictions: Annotated[Places, Field(min_length=1)]
    capabilities: Annotated[tuple[Capability, ...], Field(min_length=1)]
    use_case: Word
    description: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=DESCRIPTION_CHARACTERS_MAX
        ),
    ]
    deployment: Deployment
    subjects: Annotated[tuple[Subjects, ...], Field(min_length=1)]
    references: Annotated[tuple[References, ...], Field(min_length=1)]
    consent: ConsentTaken
    practices: tuple[Practice, ...] = ()
    law_enforcement: LawEnforcement
    code_of_conduct: Word

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for words in (self.capabilities, self.subjects, self.references, self.practices):
            if len(set(words)) != len(words):
                raise ValueError("a word is given twice")
        if Capability.VERIFY in self.capabilities and set(self.references) == {References.NONE}:
            raise ValueError("verification compares with references: say where they come from")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the application's canonical JSON, in hexadecimal."""
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()


def with_countries(places: tuple[str, ...]) -> frozenset[str]:
    """Give the places and the countries that they are parts of."""
    return frozenset(places) | {place[:2] for place in places}


VOCABULARY: Final[Mapping[str, frozenset[str]]] = {
    "sector": frozenset(Sector),
    "capabilities": frozenset(Capability),
    "camera": frozenset(Camera),
    "capture": frozenset(Capture),
    "space": frozenset(Space),
    "subjects": frozenset(Subjects),
    "references": frozenset(References),
    "consent": frozenset(ConsentTaken),
    "practices": frozenset(Practice),
    "law_enforcement": frozenset(LawEnforcementPart),
    "mail": frozenset({"work", "free"}),
    "conduct": frozenset({"accepted", "other"}),
    "use_case": frozenset({"offered", "unknown", "other_sector", "other_capability"}),
}
"""Facts that a rule may look at, and their words."""

PLACE_FACTS: Final = frozenset({"jurisdictions", "law_enforcement_in"})
"""Facts whose words are jurisdictions."""
