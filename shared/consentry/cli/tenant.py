"""``consentry tenant``: the operator's own commands, each recorded by the gate.

They work on the stores of the deployment that the environment names, by the rights of whoever runs
them.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from consentry.cli.answer import Answer, table

if TYPE_CHECKING:
    from consentry.service.invocation import Invocation, Outcome

Tenant = Annotated[str, typer.Argument(help="Tenant id.")]


def erase(
    tenant: Tenant,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Do it; there is no way back.")
    ] = False,
) -> Answer:
    """Erase a tenant: its keys, and everything of it in storage but the audit log.

    Without --confirm, what there is is counted. The receipt is issued by the timer when all calls
    and upload addresses of before have ended, about 16 minutes later.
    """
    from consentry.cli.operator import operator
    from consentry.service.invocation import Outcome
    from consentry.trust.operations import Operation
    from consentry.trust.records import utc_text

    me = operator()
    erasures = me.keeping.erasures

    def count(invocation: "Invocation") -> "Outcome[dict[str, int]]":
        invocation.regards(tenant)
        return Outcome(erasures.belongings.count(tenant))

    if confirm:
        job = me.run(Operation.ERASE_TENANT, lambda invocation: erasures.begin(invocation, tenant))
        me.run(Operation.ERASE_TENANT, erasures.carry_on)
    left = me.run(Operation.INSPECT_STORAGE, count)
    document = {"tenant": tenant, "confirmed": confirm, "left": left}
    lines = [table("place", "left", rows=list(left.items()))]
    if not confirm:
        lines.append("Nothing was deleted: add --confirm to erase all of it.")
        return Answer(document, lines, yes=False)
    receipt = {"receipt": job.receipt, "receiptFrom": utc_text(job.receipt_from)}
    if job.done:
        lines.append(f"Erased before, and nothing has come since; receipt {job.receipt}.")
    else:
        lines.append(f"The timer issues receipt {job.receipt} after {receipt['receiptFrom']}.")
    return Answer(document | receipt, lines)


def rotate(tenant: Tenant) -> Answer:
    """Give a tenant a new data key; templates under the old one stay readable until they end."""
    from consentry.cli.operator import operator
    from consentry.trust.operations import Operation

    me = operator()
    version = me.run(
        Operation.ROTATE_KEYS, lambda invocation: me.keeping.rotation.rotate(invocation, tenant)
    )
    return Answer(
        {"tenant": tenant, "version": version}, [f"New templates use data key version {version}."]
    )
