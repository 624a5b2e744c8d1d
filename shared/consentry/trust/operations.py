"""What can be done, by whom, and under which approved capability: one table.

An operation that is not in the table cannot be run; SEARCH is in it so that it can be refused
by name and recorded, whoever asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Capability(StrEnum):
    """What a tenant is approved for, one by one; VERIFY covers whatever makes a template."""

    DETECT = "detect"
    REDACT = "redact"
    VERIFY = "verify"


class PrincipalKind(StrEnum):
    """Who acts: a caller with a key, a writer to the inbox, the service itself, its operator."""

    CALLER = "caller"
    STORAGE = "storage"
    SYSTEM = "system"
    OPERATOR = "operator"  # whoever runs the command line with access to the stores
    UNKNOWN = "unknown"  # whoever could not be authenticated


class Operation(StrEnum):
    """Everything that an invocation can be."""

    DETECT = "detect"
    DETECT_WITH_FACE_ID = "detect_with_face_id"
    VERIFY = "verify"
    VERIFY_UPLOAD = "verify_upload"
    REDACT = "redact"
    READ_MANIFEST = "read_manifest"
    CREATE_UPLOAD = "create_upload"
    READ_UPLOAD = "read_upload"
    PROVE_RECORD = "prove_record"
    PROVE_CONSISTENCY = "prove_consistency"
    READ_LOG = "read_log"
    SEARCH = "search"
    UPKEEP = "upkeep"
    POISON = "poison"


@dataclass(frozen=True)
class Principal:
    """Who acts, and for which tenant; the service and its operator act for none (empty)."""

    kind: PrincipalKind
    id: str
    tenant: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class Rule:
    """Any one of ``capabilities`` suffices; none at all means that no approval is needed."""

    kinds: frozenset[PrincipalKind]
    capabilities: frozenset[Capability] = frozenset()


_CALLER: Final = frozenset({PrincipalKind.CALLER})
_CALLER_OR_STORAGE: Final = frozenset({PrincipalKind.CALLER, PrincipalKind.STORAGE})
_CALLER_OR_OPERATOR: Final = frozenset({PrincipalKind.CALLER, PrincipalKind.OPERATOR})
_OPERATOR: Final = frozenset({PrincipalKind.OPERATOR})
_SYSTEM: Final = frozenset({PrincipalKind.SYSTEM})
_DETECT: Final = frozenset({Capability.DETECT})
_REDACT: Final = frozenset({Capability.REDACT})
_VERIFY: Final = frozenset({Capability.VERIFY})
_ANY: Final = frozenset(Capability)

RULES: Final[Mapping[Operation, Rule]] = MappingProxyType(
    {
        Operation.DETECT: Rule(_CALLER, _DETECT),
        Operation.DETECT_WITH_FACE_ID: Rule(_CALLER, _VERIFY),
        Operation.VERIFY: Rule(_CALLER, _VERIFY),
        Operation.VERIFY_UPLOAD: Rule(_CALLER_OR_STORAGE, _VERIFY),
        Operation.REDACT: Rule(_CALLER_OR_STORAGE, _REDACT),
        Operation.READ_MANIFEST: Rule(_CALLER, _REDACT),
        Operation.CREATE_UPLOAD: Rule(_CALLER, _REDACT | _VERIFY),
        Operation.READ_UPLOAD: Rule(_CALLER, _REDACT | _VERIFY),
        Operation.PROVE_RECORD: Rule(_CALLER_OR_OPERATOR, _ANY),
        Operation.PROVE_CONSISTENCY: Rule(_CALLER_OR_OPERATOR, _ANY),
        Operation.READ_LOG: Rule(_OPERATOR),
        Operation.SEARCH: Rule(frozenset()),
        Operation.UPKEEP: Rule(_SYSTEM),
        Operation.POISON: Rule(_SYSTEM),
    }
)
