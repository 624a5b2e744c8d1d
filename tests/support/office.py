"""People who apply for access, decide on applications and watch over them, over HTTP."""

from typing import Any

from tests.support.governance import DOOR
from tests.support.service import TENANT, App

from consentry.trust.approvals import ApprovalState
from consentry.trust.operations import Capability, Role

TERMS = {"verdict": "approve", "days": 30, "consent": "attested", "jurisdictions": ["DE"]}


REDACTION: dict[str, Any] = {
    "capabilities": ["detect", "redact"],
    "useCase": "media_redaction",
    "references": ["none"],
}


class Office(App):
    """The service, and people who use it."""

    def step(
        self,
        function: str,
        who: str,
        role: Role = Role.REVIEWER,
        case: str = "",
        *,
        body: dict[str, Any] | None = None,
        **request: Any,
    ) -> Any:
        """Have a person do something with an application."""
        return self.ask(function, person=(role, who), route={"id": case}, document=body, **request)

    def submitted(self, tenant: str = TENANT, who: str = "alan", **changes: Any) -> Any:
        body = {**DOOR, **changes}
        case = self.step("apply", who, Role.APPLICANT, tenant=tenant, body=body, expect=201)
        return self.step("submit_application", who, Role.APPLICANT, case["id"], tenant=tenant)

    def decide(self, case: Any, who: str, expect: int = 200, **changes: Any) -> Any:
        return self.step(
            "decide_application", who, case=case["id"], body={**TERMS, **changes}, expect=expect
        )

    def approved(self, **changes: Any) -> Any:
        case = self.submitted(**changes)
        for who in ("ada", "grace"):
            if case["state"] == "in_review":
                case = self.decide(case, who)
        return case

    def in_force(self, tenant: str = TENANT) -> set[Capability]:
        found = self.world.services.access.list(tenant)
        return {one.capability for one in found if one.state is ApprovalState.APPROVED}
