"""``consentry access``: approvals of the local stack."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from consentry.cli.answer import Answer, table

if TYPE_CHECKING:
    from consentry.trust.approvals import Approval

Tenant = Annotated[str, typer.Argument(help="Tenant id, as in CONSENTRY_TENANTS.")]
CapabilityName = Annotated[
    Literal["detect", "redact", "verify"],
    typer.Argument(metavar="CAPABILITY", help="detect, redact or verify."),
]
Decider = Annotated[str, typer.Option("--by", help="Who decides; kept with the decision.")]


def approve(
    tenant: Tenant,
    capability: CapabilityName,
    use_case: Annotated[str, typer.Option(help="What the tenant wants it for.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="How long it is in force.")] = 365,
    target_fmr: Annotated[
        float | None,
        typer.Option(min=1e-6, max=1e-2, help="False match rate of its verifications."),
    ] = None,
    by: Decider = "local operator",
) -> Answer:
    """Approve a tenant of the local stack for one capability, from now on."""
    from consentry.cli import local
    from consentry.trust.operations import Capability

    now = local.now()
    approval = local.access(local.settings_for(tenant)).approve(
        tenant,
        Capability(capability),
        use_case=use_case,
        valid_from=now,
        valid_until=now + timedelta(days=days),
        decided_by=by,
        now=now,
        target_fmr=target_fmr,
    )
    return Answer(_document(approval), [_table([approval])])


def revoke(tenant: Tenant, capability: CapabilityName, by: Decider = "local operator") -> Answer:
    """Revoke a tenant's approval; its calls are refused after a second at most."""
    from consentry.cli import local
    from consentry.trust.operations import Capability

    revoked = local.access(local.settings_for(tenant)).revoke(
        tenant, Capability(capability), decided_by=by, now=local.now()
    )
    return Answer(_document(revoked), [_table([revoked])])


def list_approvals(
    tenant: Annotated[str, typer.Argument(help="Tenant id. [default: all that are served]")] = "",
) -> Answer:
    """List approvals and their states."""
    from consentry.cli import local

    settings = local.settings_for(tenant) if tenant else local.settings()
    store = local.access(settings)
    tenants = (tenant,) if tenant else settings.tenants
    approvals = [approval for name in tenants for approval in store.list(name)]
    shown = [_table(approvals)] if approvals else ["Nothing is approved."]
    return Answer({"approvals": [_document(approval) for approval in approvals]}, shown)


def _document(approval: "Approval") -> dict[str, Any]:
    return {
        "id": approval.id,
        "version": approval.version,
        "tenant": approval.tenant,
        "capability": approval.capability.value,
        "useCase": approval.use_case,
        "state": approval.state.value,
        "validFrom": _text(approval.valid_from),
        "validUntil": _text(approval.valid_until),
        "decidedBy": approval.decided_by,
        "decidedAt": _text(approval.decided_at),
        "targetFmr": approval.target_fmr,
    }


def _table(approvals: list["Approval"]) -> str:
    rows = [
        (
            approval.tenant,
            approval.capability.value,
            approval.state.value,
            approval.version,
            f"{approval.valid_until:%Y-%m-%d}",
            approval.use_case,
        )
        for approval in approvals
    ]
    return table("tenant", "capability", "state", "version", "until", "use case", rows=rows)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
