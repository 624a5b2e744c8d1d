"""The policy: what may be applied for, what is refused and why, and what approvals must state.

A policy is a readable file. A released one never changes: what changes is a new version, which
says from when it holds, and whether it is stricter than those before it. An approval names the
version and digest under which it was decided, and is never rewritten; a stricter policy ends
approvals of earlier versions, except for those that its grace list names, until the date there.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from consentry.errors import IntegrityError
from consentry.trust.applications import PLACE_FACTS, VOCABULARY, Practice, Sector, Word
from consentry.trust.operations import Capability
from consentry.trust.tripwire import Bounds

DAYS_MAX: Final = 365
VERIFY_REVIEWERS_MIN: Final = 2

_PLACE: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class ConsentRule(StrEnum):
    """What stands for a person's consent: a receipt of it, or the caller's word."""

    REQUIRED = "required"
    ATTESTED = "attested"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UseCase(_Part):
    """One entry of the catalogue; ``practices`` are those that it cannot be done without."""

    title: str
    capabilities: tuple[Capability, ...]
    sectors: tuple[Sector, ...]
    practices: tuple[Practice, ...] = ()


Circumstance = Mapping[str, tuple[str, ...]]
"""Facts and words: it is given when every fact has at least one of its words."""


class Refusal(_Part):
    """A rule: an application in any of these circumstances is refused."""

    reason: Word
    sentence: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    when: Annotated[tuple[Circumstance, ...], Field(min_length=1)]

    @field_validator("when")
    @classmethod
    def _known_words(cls, when: tuple[Circumstance, ...]) -> tuple[Circumstance, ...]:
        """Refuse a rule that could never hold: a misspelt word would let everything pass."""
        for circumstance in when:
            if not circumstance:
                raise ValueError("a circumstance without facts")
            for fact, words in circumstance.items():
                if not words or not all(_is_word(fact, word) for word in words):
                    raise ValueError(f"the fact {fact} has no such word")
        return when


def _is_word(fact: str, word: str) -> bool:
    if fact in PLACE_FACTS:
        return _PLACE.fullmatch(word) is not None
    return word in VOCABULARY.get(fact, ())


class Requirements(_Part):
    """What an approval for one capability must keep to."""

    reviewers: Annotated[int, Field(ge=1, le=5)]
    consent: Annotated[tuple[ConsentRule, ...], Field(min_length=1)]
    target_fmr_max: Annotated[float, Field(gt=0, lt=1)] | None = None
    rate_per_minute_max: Annotated[int, Field(ge=1)]
    retention_days_max: Annotated[int, Field(ge=0)]


class DefaultTerms(_Part):
    """What a decision states where the reviewers name nothing else."""

    rate_per_minute: Annotated[int, Field(ge=1)]
    retention_days: Annotated[int, Field(ge=0)]


class Excepted(_Part):
    """One approval that works on: a tenant by name, and the application it was approved on."""

    tenant: str
    application: str


class Grace(_Part):
    """Who may work on for a while under a stricter policy; nobody else may."""

    until: AwareDatetime
    excepted: tuple[Excepted, ...]


class Policy(_Part):
    """One version of the policy; ``digest`` is SHA-256 of its file, in hexadecimal."""

    version: Annotated[int, Field(ge=1)]
    digest: str
    takes_effect: AwareDatetime
    stricter: bool
    approval_days_max: Annotated[int, Field(ge=1, le=DAYS_MAX)]
    reminder_days: Annotated[int, Field(ge=1, le=DAYS_MAX)]
    code_of_conduct: Word
    free_mail_domains: frozenset[str]
    use_cases: Mapping[Word, UseCase]
    refusals: Annotated[tuple[Refusal, ...], Field(min_length=1)]
    default_terms: DefaultTerms | None = None
    requirements: Mapping[Capability, Requirements]
    tripwire: Bounds | None = None
    grace: Grace | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if set(self.requirements) != set(Capability):
            raise ValueError("requirements are stated for every capability")
        if self.requirements[Capability.VERIFY].reviewers < VERIFY_REVIEWERS_MIN:
            raise ValueError("verify needs two reviewers")
        if self.default_terms and not all(
            self.default_terms.rate_per_minute <= required.rate_per_minute_max
            and self.default_terms.retention_days <= required.retention_days_max
            for required in self.requirements.values()
        ):
            raise ValueError("the default terms keep to every requirement")
        reasons = [refusal.reason for refusal in self.refusals]
        if len(set(reasons)) != len(reasons):
            raise ValueError("two rules have one reason")
        if self.grace is not None:
            longest = self.takes_effect + timedelta(days=DAYS_MAX)
            if not self.stricter or not self.takes_effect < self.grace.until <= longest:
                raise ValueError("grace is for a stricter policy, and for a year at most")
        return self

    def reviewers(self, capabilities: tuple[Capability, ...]) -> int:
        """How many different reviewers must agree."""
        return max(self.requirements[capability].reviewers for capability in capabilities)

    def spares(self, tenant: str, application: str, now: datetime) -> bool:
        """Tell whether the grace list lets an older approval work on at this instant."""
        if self.grace is None or now >= self.grace.until:
            return False
        return Excepted(tenant=tenant, application=application) in self.grace.excepted


def parse_policy(data: bytes) -> Policy:
    """Read a policy file; IntegrityError when it is not a whole and coherent policy."""
    try:
        document = tomllib.loads(data.decode())
        return Policy.model_validate({**document, "digest": hashlib.sha256(data).hexdigest()})
    except (ValueError, ValidationError) as error:
        raise IntegrityError(f"the policy file is not valid: {_first(error)}") from None


class Ground(StrEnum):
    """On what an approval still stands, as far as policies are concerned."""

    POLICY = "policy"  # nothing stricter has come since it was decided
    GRACE = "grace"  # something has, and its grace list names this approval
    SUPERSEDED = "superseded"  # something has
    UNKNOWN = "unknown"  # it names a policy that is not there, or not as it was


@dataclass(frozen=True)
class PolicyBook:
    """All versions, oldest first."""

    policies: tuple[Policy, ...]

    def __post_init__(self) -> None:
        if not self.policies:
            raise IntegrityError("there is no policy")
        for earlier, later in pairwise(self.policies):
            if later.version != earlier.version + 1 or later.takes_effect <= earlier.takes_effect:
                raise IntegrityError("the policies do not follow each other")

    def in_force(self, now: datetime) -> Policy:
        """Give the policy that holds at this instant."""
        found = [policy for policy in self.policies if policy.takes_effect <= now]
        if not found:
            raise IntegrityError("no policy is in effect yet")
        return found[-1]

    def find(self, version: int, digest: str) -> Policy | None:
        """Give the policy of a version if it still is what it was."""
        found = [p for p in self.policies if (p.version, p.digest) == (version, digest)]
        return found[0] if found else None

    def ground(
        self, version: int, digest: str, tenant: str, application: str, now: datetime
    ) -> tuple[Ground, datetime | None]:
        """Tell on what an approval stands, and until when if that is by grace."""
        if self.find(version, digest) is None:
            return Ground.UNKNOWN, None
        stricter = [
            policy
            for policy in self.policies
            if policy.version > version and policy.stricter and policy.takes_effect <= now
        ]
        if not stricter:
            return Ground.POLICY, None
        if not all(policy.spares(tenant, application, now) for policy in stricter):
            return Ground.SUPERSEDED, None
        return Ground.GRACE, min(policy.grace.until for policy in stricter if policy.grace)


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return "it is not TOML"
    fault = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
