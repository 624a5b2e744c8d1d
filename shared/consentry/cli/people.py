"""``consentry dev token``: people of the local stack."""

from typing import Annotated, Literal

import typer

from consentry.cli.answer import Answer


def token(
    role: Annotated[
        Literal["caller", "applicant", "reviewer", "auditor", "admin"],
        typer.Option(help="What the person is."),
    ],
    name: Annotated[str, typer.Option(help="The person; the same name is the same person.")],
    tenant: Annotated[
        str, typer.Option(help="Tenant of a caller or applicant. [default: the first one]")
    ] = "",
) -> Answer:
    """Make a token of the development issuer, for one person in one role, for eight hours."""
    from consentry.cli import local
    from consentry.localhost.issuer import make_issuer, make_token, person_id
    from consentry.trust.operations import Role

    settings = local.settings_for(tenant) if tenant else local.settings()
    made = make_token(
        make_issuer(local.issuer_of(settings)),
        role=Role(role.capitalize()),
        name=name,
        tenant=tenant or settings.tenants[0],
        now=local.now(),
    )
    return Answer({"token": made, "role": role, "name": name, "id": person_id(name)}, [made])
