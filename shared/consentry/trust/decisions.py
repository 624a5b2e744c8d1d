"""Decisions and cases as signed documents, by a key that signs nothing else.

A table row that holds one proves that the service decided so; what a row says beside it is for
looking things up. Neither kind can pass for the other, nor for any other signed document.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from consentry.errors import IntegrityError
from consentry.stored import PublicKey
from consentry.trust.approvals import Approval
from consentry.trust.jws import open_document, sign_document
from consentry.trust.operations import Capability
from consentry.trust.review import Case

DECISION: Final = "consentry-decision+jws"
CASE: Final = "consentry-case+jws"

_APPROVAL: Final = TypeAdapter(Approval)
_CASE: Final = TypeAdapter(Case)


def sign_decision(approval: Approval, *, kid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign an approval, whatever its state."""
    document = _APPROVAL.dump_python(approval, mode="json")
    return sign_document(document, kind=DECISION, kid=kid, sign=sign)


def read_decision(signed: bytes, *, public_keys: Iterable[PublicKey]) -> Approval:
    """Verify and read an approval, whosever it is."""
    return _read(_APPROVAL, open_document(signed, kind=DECISION, public_keys=public_keys))


def open_decision(
    signed: bytes, *, tenant: str, capability: Capability, public_keys: Iterable[PublicKey]
) -> Approval:
    """Verify and read an approval; IntegrityError unless it is this tenant's for this."""
    found = read_decision(signed, public_keys=public_keys)
    if (found.tenant, found.capability) != (tenant, capability):
        raise IntegrityError("a decision lies where another one belongs")
    return found


def sign_case(case: Case, *, kid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a case."""
    document = _CASE.dump_python(case, mode="json")
    return sign_document(document, kind=CASE, kid=kid, sign=sign)


def open_case(
    signed: bytes, *, tenant: str, case_id: str, public_keys: Iterable[PublicKey]
) -> Case:
    """Verify and read a case; IntegrityError unless it is this tenant's of this id."""
    found = _read(_CASE, open_document(signed, kind=CASE, public_keys=public_keys))
    if (found.tenant, found.id) != (tenant, case_id):
        raise IntegrityError("an application lies where another one belongs")
    return found


def _read[T](kind: TypeAdapter[T], document: dict[str, Any]) -> T:
    try:
        return kind.validate_python(document)
    except ValidationError:
        raise IntegrityError("a signed document is not complete") from None
