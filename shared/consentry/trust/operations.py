"""What can be done, by whom, and under which approved capability: one table.

An operation that is not in the table cannot be run; SEARCH is in it so that it can be refused
by name and recorded, whoever asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Capability(StrEnum):
    """What a tenant is approved for, one by one; VERIFY covers whatever makes a template."""

    DETECT = "detect"
    REDACT = "redact"
    VERIFY = "verify"


class PrincipalKind(StrEnum):
    """Who acts: a caller with a key, a person with a token, a writer to the inbox, the service."""

    CALLER = "caller"
    PERSON = "person"
    STORAGE = "storage"
    JOB = "job"  # a step of a job that was let in before
    SUBJECT = "subject"  # a person who withdraws their consent by its code
    SYSTEM = "system"
    OPERATOR = "operator"  # whoever runs the command line with access to the stores
    UNKNOWN = "unknown"  # whoever could not be authenticated


class Role(StrEnum):
    """What a person's token says that they are; each stands there as ``Consentry.{Role}``."""

    CALLER = "Caller"  # uses what their tenant is approved for
    APPLICANT = "Applicant"  # applies for their tenant
    REVIEWER = "Reviewer"  # decides on applications
    AUDITOR = "Auditor"  # reads everything, changes nothing
    ADMIN = "Admin"  # may stop anything and hand out keys, approve nothing


OPERATOR_ROLES: Final = frozenset({Role.REVIEWER, Role.AUDITOR, Role.ADMIN})
"""Roles of the operator's people, who see all tenants."""


class Operation(StrEnum):
    """Everything that an invocation can be."""

    DETECT = "detect"
    DETECT_WITH_FACE_ID = "detect_with_face_id"
    VERIFY = "verify"
    VERIFY_PICTURES = "verify_pictures"
    VERIFY_UPLOAD = "verify_upload"
    CALIBRATE = "calibrate"
    READ_CALIBRATION = "read_calibration"
    REDACT = "redact"
    REDACT_WITH_CLAIMS = "redact_with_claims"
    START_JOB = "start_job"
    START_JOB_WITH_CLAIMS = "start_job_with_claims"
    WORK_ON_JOB = "work_on_job"
    WORK_ON_JOB_WITH_CLAIMS = "work_on_job_with_claims"
    READ_JOB = "read_job"
    READ_JOB_RESULT = "read_job_result"
    CANCEL_JOB = "cancel_job"
    READ_MANIFEST = "read_manifest"
    CREATE_UPLOAD = "create_upload"
    READ_UPLOAD = "read_upload"
    READ_DELETION = "read_deletion"
    ERASE_TENANT = "erase_tenant"
    READ_ERASURE = "read_erasure"
    INSPECT_STORAGE = "inspect_storage"
    ROTATE_KEYS = "rotate_keys"
    CREATE_KEY = "create_key"
    LIST_KEYS = "list_keys"
    REVOKE_KEY = "revoke_key"
    PROVE_RECORD = "prove_record"
    PROVE_CONSISTENCY = "prove_consistency"
    LIST_RECORDS = "list_records"
    READ_LOG = "read_log"
    SEARCH = "search"
    APPLY = "apply"
    READ_APPLICATION = "read_application"
    READ_DECISIONS = "read_decisions"
    EDIT = "edit"
    SUBMIT = "submit"
    DECIDE = "decide"
    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"
    APPEAL = "appeal"
    GIVE_CONSENT = "give_consent"
    READ_CONSENT = "read_consent"
    ENROL_REFERENCE = "enrol_reference"
    READ_IMPACT = "read_impact"
    REDACT_AGAIN = "redact_again"
    WITHDRAW_CONSENT = "withdraw_consent"
    UPKEEP = "upkeep"
    POISON = "poison"


@dataclass(frozen=True)
class Principal:
    """Who acts, and for which tenant.

    The service itself acts for none, and neither do people of the operator: ``tenant`` is empty.
    """

    kind: PrincipalKind
    id: str
    tenant: str
    roles: frozenset[Role] = frozenset()

    def may_see(self, tenant: str) -> bool:
        """Tell whether a tenant's things exist for this principal: its own, or all of them."""
        return self.tenant in ("", tenant) or not self.roles.isdisjoint(OPERATOR_ROLES)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class Rule:
    """Any one of ``capabilities`` suffices; none at all means that no approval is needed.

    ``also`` are needed besides, every one of them.

    A person also needs any one of ``roles``; keys, storage and the service itself have none. Who
    has one besides Caller needs no approval: they govern, and do not use. ``looks``: it looks at
    faces, and counts against the rate of the approval; other calls under one are counted apart.
    What is not ``counted`` at all is part of something that was.
    """

    kinds: frozenset[PrincipalKind]
    capabilities: frozenset[Capability] = frozenset()
    roles: frozenset[Role] = frozenset()
    looks: bool = False
    also: frozenset[Capability] = frozenset()
    counted: bool = True


def _people(*roles: Role, more: frozenset[PrincipalKind] = frozenset()) -> Rule:
    """Governance: a role instead of a capability."""
    return Rule(frozenset({PrincipalKind.PERSON}) | more, roles=frozenset(roles))


def _calls(
    capabilities: frozenset[Capability], *more: PrincipalKind, roles: tuple[Role, ...] = ()
) -> Rule:
    """Use of the service: by key or by a person who is a caller, under an approval."""
    kinds = frozenset({PrincipalKind.CALLER, PrincipalKind.PERSON, *more})
    return Rule(kinds, capabilities, frozenset({Role.CALLER, *roles}))


def _looks(capabilities: frozenset[Capability], *more: PrincipalKind) -> Rule:
    """Use of the service that looks at faces."""
    return replace(_calls(capabilities, *more), looks=True)


_OPERATOR: Final = frozenset({PrincipalKind.OPERATOR})
_SYSTEM: Final = frozenset({PrincipalKind.SYSTEM})
_JOB: Final = frozenset({PrincipalKind.JOB})
_DETECT: Final = frozenset({Capability.DETECT})
_REDACT: Final = frozenset({Capability.REDACT})
_VERIFY: Final = frozenset({Capability.VERIFY})
_ANY: Final = frozenset(Capability)

RULES: Final[Mapping[Operation, Rule]] = MappingProxyType(
    {
        Operation.DETECT: _looks(_DETECT),
        Operation.DETECT_WITH_FACE_ID: _looks(_VERIFY),
        Operation.VERIFY: _looks(_VERIFY),
        Operation.VERIFY_PICTURES: _looks(_VERIFY),
        Operation.VERIFY_UPLOAD: _looks(_VERIFY, PrincipalKind.STORAGE),
        Operation.CALIBRATE: _looks(_VERIFY),
        Operation.READ_CALIBRATION: _calls(_VERIFY),
        Operation.REDACT: _looks(_REDACT, PrincipalKind.STORAGE),
        # Whatever makes a template takes verify: of claimed faces and of references, too.
        Operation.REDACT_WITH_CLAIMS: replace(_looks(_VERIFY, PrincipalKind.STORAGE), also=_REDACT),
        Operation.ENROL_REFERENCE: _looks(_VERIFY),
        Operation.START_JOB: _looks(_REDACT),
        Operation.START_JOB_WITH_CLAIMS: replace(_looks(_VERIFY), also=_REDACT),
        Operation.WORK_ON_JOB: Rule(_JOB, _REDACT, looks=True, counted=False),
        Operation.WORK_ON_JOB_WITH_CLAIMS: Rule(
            _JOB, _VERIFY, looks=True, also=_REDACT, counted=False
        ),
        Operation.READ_JOB: _calls(_REDACT),
        Operation.READ_JOB_RESULT: _calls(_REDACT),
        Operation.CANCEL_JOB: _calls(_REDACT),
        Operation.READ_MANIFEST: _calls(_REDACT),
        Operation.CREATE_UPLOAD: _calls(_REDACT | _VERIFY),
        Operation.READ_UPLOAD: _calls(_REDACT | _VERIFY),
        Operation.READ_DELETION: _calls(_ANY, roles=(Role.APPLICANT, Role.AUDITOR, Role.ADMIN)),
        Operation.ERASE_TENANT: _people(Role.ADMIN, more=_OPERATOR),
        Operation.READ_ERASURE: _people(Role.ADMIN, Role.AUDITOR),
        Operation.INSPECT_STORAGE: Rule(_OPERATOR),
        Operation.ROTATE_KEYS: Rule(_OPERATOR),
        Operation.CREATE_KEY: _people(Role.ADMIN),
        Operation.LIST_KEYS: _people(Role.ADMIN, Role.AUDITOR),
        Operation.REVOKE_KEY: _people(Role.ADMIN),
        Operation.PROVE_RECORD: _calls(_ANY, PrincipalKind.OPERATOR, roles=(Role.AUDITOR,)),
        Operation.PROVE_CONSISTENCY: _calls(_ANY, PrincipalKind.OPERATOR, roles=(Role.AUDITOR,)),
        Operation.LIST_RECORDS: _calls(_ANY, roles=(Role.AUDITOR,)),
        Operation.READ_LOG: Rule(_OPERATOR),
        Operation.SEARCH: Rule(frozenset()),
        Operation.APPLY: _people(Role.APPLICANT),
        Operation.READ_APPLICATION: _people(
            Role.APPLICANT, Role.REVIEWER, Role.AUDITOR, Role.ADMIN
        ),
        Operation.READ_DECISIONS: _people(Role.REVIEWER, Role.AUDITOR, Role.ADMIN),
        Operation.EDIT: _people(Role.APPLICANT),
        Operation.SUBMIT: _people(Role.APPLICANT),
        Operation.DECIDE: _people(Role.REVIEWER),
        Operation.SUSPEND: _people(Role.REVIEWER, Role.ADMIN),
        Operation.RESUME: _people(Role.REVIEWER),
        Operation.REVOKE: _people(Role.REVIEWER, Role.ADMIN),
        Operation.APPEAL: _people(Role.APPLICANT),
        Operation.GIVE_CONSENT: _calls(_VERIFY),
        Operation.READ_CONSENT: _calls(_ANY),
        Operation.READ_IMPACT: _calls(_ANY),
        Operation.REDACT_AGAIN: _looks(_REDACT),
        # Needs no approval: whoever lost theirs must still be able to end a consent.
        Operation.WITHDRAW_CONSENT: _calls(frozenset(), PrincipalKind.SUBJECT),
        Operation.UPKEEP: Rule(_SYSTEM),
        Operation.POISON: Rule(_SYSTEM),
    }
)

CONSENT_BOUND: Final = frozenset({Operation.DETECT_WITH_FACE_ID, Operation.VERIFY_PICTURES})
"""Operations that make a template and whose call names the consent under which they do."""
