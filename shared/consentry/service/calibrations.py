"""Calibration on a tenant's own people: how often they are taken for each other.

The people are those of face ids that the tenant had made, each under a receipt that holds; nobody
labels them beside that. What is told, and how often, is the rule of
``consentry.trust.calibrations``. Of the people nothing is kept, and nothing is told but that. What
was told is kept under its row's ETag before it leaves, so that of two calibrations at a time one
alone is answered.
"""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

import numpy as np

from consentry.errors import ArgumentError, NotFoundError
from consentry.limits import CALIBRATION_PEOPLE_MIN
from consentry.service.calibration_store import CalibrationStore
from consentry.service.invocation import Invocation, Outcome
from consentry.service.judging import TARGET_FMR, threshold_at
from consentry.service.standing_consents import StandingConsents
from consentry.service.templates import TemplateStore
from consentry.service.tripwire import Tripwire
from consentry.trust.approvals import Reason
from consentry.trust.calibrations import (
    RATES,
    Draw,
    TenantCalibration,
    tell_false_matches,
    tell_false_non_matches,
)
from consentry.vision import EMBEDDING_ROLES, Template, Vision, similarity
from consentry.vision.calibrate import pairs_reaching

_GENUINE: Final = 2  # pictures of a person, of which it is told whether one recognises the other


@dataclass(frozen=True)
class Calibrations:
    """The use cases of calibration."""

    vision: Vision
    templates: TemplateStore
    consents: StandingConsents
    tripwire: Tripwire
    store: CalibrationStore
    readers: Executor
    draw: Draw = field(default_factory=lambda: secrets.SystemRandom().random)

    def calibrate(
        self, invocation: Invocation, face_ids: Sequence[UUID]
    ) -> Outcome[TenantCalibration]:
        """Compare the people of face ids with each other, and each with themself.

        A person's first face stands for them; where there is a second, they are compared with
        themself. Raises RefusedError for a tenant that calibrated lately or that the tripwire has
        stopped, ConsentRequiredError where a face is not under a receipt that holds, and
        ArgumentError for too few people.
        """
        before, etag = self.store.read(invocation.tenant)
        if before is not None and invocation.time < before.next_from:
            raise invocation.refuse(Reason.CALIBRATED_LATELY)
        self._ask_tripwire(invocation)
        people = self._people(invocation, face_ids)
        firsts = np.array([faces[0] for faces in people])
        pairs = len(people) * (len(people) - 1) // 2
        genuine = [faces[:_GENUINE] for faces in people if len(faces) >= _GENUINE]
        invocation.count(people=len(people), comparisons=pairs + len(genuine))
        invocation.used(self.vision.using(*EMBEDDING_ROLES))
        shipped = self.vision.calibration()
        told = TenantCalibration(
            id=invocation.id,
            tenant=invocation.tenant,
            made_at=invocation.time,
            template_version=self.vision.template_version(),
            people=len(people),
            impostor_pairs=pairs,
            genuine_people=len(genuine),
            points=tuple(
                tell_false_matches(
                    pairs_reaching(firsts, shipped.similarity_at(rate)),
                    len(people),
                    rate,
                    self.draw,
                )
                for rate in RATES
            ),
            fnmr=None,
        )
        if len(genuine) >= CALIBRATION_PEOPLE_MIN:
            target = invocation.approval.conditions.target_fmr or TARGET_FMR
            threshold = threshold_at(target, shipped, told)
            missed = sum(similarity(*faces) < threshold for faces in genuine)
            fnmr = tell_false_non_matches(missed, len(genuine), self.draw)
            told = told.model_copy(update={"fnmr": fnmr})
        return Outcome(told, partial(self.store.keep, told, etag))

    def read(self, invocation: Invocation) -> Outcome[TenantCalibration]:
        """Give the tenant's newest calibration once more."""
        found = self.store.find(invocation.tenant)
        if found is None:
            raise NotFoundError("your tenant has not calibrated")
        return Outcome(found)

    def _ask_tripwire(self, invocation: Invocation) -> None:
        """Refuse whoever is stopped; many comparisons at a time are bounded by the rule above."""
        alarm = self.tripwire.note(
            invocation.tenant,
            [],
            matched=None,
            since=invocation.approval.decided_at,
            now=invocation.time,
        )
        if alarm is not None:
            raise invocation.refuse(Reason(alarm))

    def _people(self, invocation: Invocation, face_ids: Sequence[UUID]) -> list[list[Template]]:
        """Open templates by person, in the order of the face ids."""
        faces = self.templates.open_all(
            invocation.tenant,
            face_ids,
            model=self.vision.template_version(),
            now=invocation.time,
            readers=self.readers,
        )
        if not all(face.consent_id for face in faces):
            # Nobody's word is taken for so many people, whatever the approval takes for one.
            raise invocation.refuse(Reason.CONSENT_MISSING)
        self.consents.look(invocation, {face.consent_id for face in faces})()
        invocation.consent_id = ""  # it is about all of them
        found: dict[str, list[Template]] = defaultdict(list)
        for face in faces:
            found[face.subject].append(face.template)
        if len({face.picture for face in faces}) < len(faces):
            raise ArgumentError("each face id is of another picture")
        if len(found) < CALIBRATION_PEOPLE_MIN:
            raise ArgumentError(f"a calibration takes {CALIBRATION_PEOPLE_MIN} people or more")
        return list(found.values())
