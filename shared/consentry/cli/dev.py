"""``consentry dev``: the local stack, kept up to play with; or only checked."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.places import announced, checkout, running, runtime_folder
from consentry.errors import LocalStackError

if TYPE_CHECKING:
    from consentry.localhost.stack import Stack
    from consentry.service.settings import Settings

EVERYTHING: Final = frozenset({"detect", "redact", "verify"})
KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
CONSENT_HEADER: Final = "X-Consentry-Consent"
SUBJECT: Final = "p-1"


def dev(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Only let Microsoft's worker library check the app.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    tenant: Annotated[list[str] | None, typer.Option(help="Tenant to serve; repeatable.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder to keep the data in. [default: .consentry]")
    ] = None,
) -> Answer | None:
    """Run Azurite and the function app on this machine until Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return None
    root = checkout()
    if check:
        return _check(root)
    folder = data or runtime_folder()
    if running(folder) is not None:
        raise LocalStackError("a local stack with these data is already running")
    from consentry.service.settings import Settings

    # A plain `kill` ends it as orderly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _stack(root, folder, tuple(tenant or ("contoso",)), port) as stack:
        settings = Settings.load(stack.environment)
        with announced(folder, stack.url, stack.environment):
            ctx.obj.show(_introduction(stack, settings))
            with suppress(KeyboardInterrupt):
                stack.wait()
                raise LocalStackError("the local stack ended by itself; its log says why")
    raise typer.Exit(0)


def _stack(root: Path, folder: Path, tenants: tuple[str, ...], port: int) -> "Stack":
    from consentry.azure.names import Container, TableName
    from consentry.localhost.stack import Stack

    return Stack(
        root,
        root / "functions",
        tenants=tenants,
        data=folder / "azurite",
        port=port,
        containers=tuple(Container),
        tables=tuple(TableName),
        watch=(root / "functions", root / "shared"),
    )


def _first_steps(url: str, settings: "Settings") -> str:
    """Have the first tenant approved for everything, unless it is; give it a key."""
    from consentry.cli import firststeps, local

    tenant, issuer = settings.tenants[0], local.issuer_of(settings)
    if EVERYTHING - firststeps.approved_capabilities(url, issuer, tenant):
        firststeps.approve(url, issuer, tenant, sorted(EVERYTHING))
    return firststeps.make_key(url, issuer, tenant)


def _introduction(stack: "Stack", settings: "Settings") -> Answer:
    from consentry.cli import firststeps

    tenant, key = settings.tenants[0], _first_steps(stack.url, settings)
    consent = firststeps.give_consent(stack.url, key, SUBJECT)
    samples = runtime_folder() / "samples"
    call = f"curl -s -H '{KEY_HEADER}: {key}' -H 'Content-Type: application/octet-stream'"
    lines = [
        f"{call} --data-binary @{samples}/city.jpg '{stack.url}/redactions' -o redacted.jpg",
        f"{call} -H '{CONSENT_HEADER}: {consent}' --data-binary @{samples}/person_a_2.jpg "
        f"'{stack.url}/face/v1.2/detect'",
        f"curl -s '{stack.url}/keys'",
    ]
    addresses = {
        "url": stack.url,
        "blobEndpoint": stack.blob_endpoint,
        "queueEndpoint": stack.queue_endpoint,
        "tableEndpoint": stack.table_endpoint,
    }
    return Answer(
        {**addresses, "tenant": tenant, "key": key, "consent": consent, "curl": lines},
        [
            table("what", "where", rows=list(addresses.items())),
            f"\nA key for tenant {tenant}, shown this once:\n  {key}\n",
            f"Consent of a person called {SUBJECT}, valid for a day: {consent}\n",
            "Redact a photograph, detect a face under that consent, see the public keys:",
            *(f"  {line}" for line in lines),
            f"\nFiles written to the container inbox under {tenant}/ come back in redacted.",
            "Ctrl-C stops everything.\n",
        ],
    )


def _check(root: Path) -> Answer:
    """Let Microsoft's worker library and the host's own rules judge the app."""
    from consentry.localhost.check import check_app

    valid, told = check_app(root, root / "functions")
    if not valid:
        raise LocalStackError(told)
    functions = told.splitlines()
    return Answer(
        {"valid": True, "functions": functions}, [told, f"{len(functions)} functions, all valid"]
    )
