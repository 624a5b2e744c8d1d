"""``consentry access``: apply, see why, and decide, as a person with a token.

All but ``explain`` go through the service's gate, whoever runs them.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.manifest import Keys, read_file, read_key_set
from consentry.cli.places import TOKEN_VARIABLE
from consentry.cli.remote import Endpoint
from consentry.errors import ArgumentError

if TYPE_CHECKING:
    from consentry.trust.applications import Application

File = Annotated[
    Path, typer.Option("--file", exists=True, dir_okay=False, help="Application, as TOML.")
]
Token = Annotated[str, typer.Option(envvar=TOKEN_VARIABLE, help="Your token.")]
CaseId = Annotated[str, typer.Argument(metavar="ID", help="Id of the application.")]

_STOPPED: Final = frozenset({"refused", "denied", "suspended", "revoked", "expired"})


def apply(
    file: File,
    draft: Annotated[bool, typer.Option("--draft", help="Do not hand it in yet.")] = False,
    endpoint: Endpoint = "",
    token: Token = "",
) -> Answer:
    """Apply for access; a rule of the policy refuses at once, or reviewers decide."""
    from consentry.cli.client import connect_as

    application = _read(file).model_dump(mode="json", by_alias=True)
    with connect_as(endpoint, token) as service:
        case = service.apply(application)
        if not draft:
            case = service.change(case["id"], "submit")
    return _answer(case)


def edit(case: CaseId, file: File, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Put other words into a draft that was not handed in yet."""
    from consentry.cli.client import connect_as

    application = _read(file).model_dump(mode="json", by_alias=True)
    with connect_as(endpoint, token) as service:
        return _answer(service.edit(case, application))


def submit(case: CaseId, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Hand a draft in: a rule refuses it at once, or reviewers decide."""
    return _change(case, "submit", endpoint, token)


def explain(file: File) -> Answer:
    """Say offline why an application would pass the policy in force or fail, rule by rule."""
    from dataclasses import asdict

    from consentry.cli import local
    from consentry.service.policies import policy_book
    from consentry.trust.explain import explain as find

    policy = policy_book().in_force(local.now())
    findings = find(_read(file), policy)
    refused = [found for found in findings if found.refused]
    lines = [f"Policy {policy.version}, {policy.digest}"]
    for found in findings:
        lines.append(f"{'FAILS ' if found.refused else 'passes'}  {found.reason}")
        if found.refused:
            lines += [f"        {found.sentence}", f"        {found.source}"]
    lines.append(f"Refused by {len(refused)} rules." if refused else "Reviewers would decide.")
    document = {
        "policy": {"version": policy.version, "digest": policy.digest},
        "passes": not refused,
        "rules": [asdict(found) for found in findings],
    }
    return Answer(document, lines, yes=not refused)


def decisions(
    case: CaseId,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder for the files.")],
    endpoint: Endpoint = "",
    token: Token = "",
) -> Answer:
    """Fetch the signed decisions on an application, as an auditor; each becomes a file."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        found = service.decisions(case)
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"{number:03}.jws" for number, _ in enumerate(found, 1)]
    for file, signed in zip(files, found, strict=True):
        file.write_text(signed, encoding="ascii")
    return Answer({"decisions": list(map(str, files))}, [f"{len(files)} decisions in {out}"])


def verify(
    decision: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Signed decision.")],
    keys: Keys,
) -> Answer:
    """Verify a signed decision offline, by the keys that sign nothing but decisions."""
    from pydantic import TypeAdapter

    from consentry.limits import JSON_BYTES_MAX
    from consentry.trust.approvals import Approval
    from consentry.trust.decisions import read_decision

    signed = read_file(decision, JSON_BYTES_MAX).strip()
    found = read_decision(signed, public_keys=read_key_set(keys, "decisionKeys"))
    return Answer(
        {"valid": True, "decision": TypeAdapter(Approval).dump_python(found, mode="json")},
        [
            f"The signature is right; decided {found.decided_at:%F %T} by policy "
            f"{found.policy_version}.",
            f"{found.tenant}, {found.capability}, {found.use_case}: {found.state} from "
            f"{found.valid_from:%F %T} until {found.valid_until:%F %T} (UTC).",
        ],
    )


def list_applications(endpoint: Endpoint = "", token: Token = "") -> Answer:
    """List the applications that you may see, and their states."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        cases = service.list()
    shown = [_table(cases)] if cases else ["There is no application."]
    return Answer({"applications": cases}, shown)


def show(case: CaseId, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Show an application, its state and its history."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        return _answer(service.read(case))


def decide(
    case: CaseId,
    verdict: Annotated[
        Literal["approve", "deny"], typer.Argument(metavar="VERDICT", help="approve or deny.")
    ],
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it is in force.")] = 365,
    consent: Annotated[
        Literal["required", "attested"], typer.Option(help="What stands for a person's consent.")
    ] = "required",
    target_fmr: Annotated[
        float | None, typer.Option(help="False match rate of its verifications.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Calls per minute. [default: the policy's]")
    ] = None,
    retention: Annotated[
        int | None, typer.Option(min=0, help="Days that data are kept. [default: the policy's]")
    ] = None,
    place: Annotated[
        list[str] | None,
        typer.Option(help="Jurisdiction; repeatable. [default: all that were applied for]"),
    ] = None,
    endpoint: Endpoint = "",
    token: Token = "",
) -> Answer:
    """Decide on an application; verification takes two reviewers and the same terms."""
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        if verdict == "deny":
            return _answer(service.decide(case, {"verdict": verdict}), yes=True)
        asked = service.read(case)["application"]["jurisdictions"]
        decision = {
            "verdict": verdict,
            "days": days,
            "consent": consent,
            "targetFmr": target_fmr,
            "ratePerMinute": rate,
            "retentionDays": retention,
            "jurisdictions": place or asked,
        }
        return _answer(service.decide(case, decision))


def suspend(case: CaseId, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Put an approval out of force until a reviewer has looked."""
    return _change(case, "suspend", endpoint, token)


def resume(case: CaseId, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Put a suspended approval in force again."""
    return _change(case, "resume", endpoint, token)


def revoke(case: CaseId, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """End an approval; the tenant's next call is refused."""
    return _change(case, "revoke", endpoint, token)


def appeal(case: CaseId, endpoint: Endpoint = "", token: Token = "") -> Answer:
    """Have a denial or revocation looked at by other reviewers, once."""
    return _change(case, "appeal", endpoint, token)


def _change(case: str, word: str, endpoint: str, token: str) -> Answer:
    from consentry.cli.client import connect_as

    with connect_as(endpoint, token) as service:
        return _answer(service.change(case, word), yes=True)


def _read(file: Path) -> "Application":
    from pydantic import ValidationError

    from consentry.trust.applications import Application

    try:
        return Application.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
        raise ArgumentError(f"the application is not as documented: {', '.join(fields)}") from None
    except (OSError, ValueError):
        raise ArgumentError("the application is not a TOML file") from None


def _answer(case: Mapping[str, Any], *, yes: bool | None = None) -> Answer:
    lines = [_table([case])]
    lines += [f"{found['reason']}: {found['sentence']}" for found in case["refusedFor"]]
    lines += [f"{event['at']}  {event['state']}  by {event['by']}" for event in case["history"]]
    if "applyAnewBefore" in case:
        lines.append(f"Apply anew before {case['applyAnewBefore']}.")
    return Answer(case, lines, yes=case["state"] not in _STOPPED if yes is None else yes)


def _table(cases: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            case["id"],
            case["tenant"],
            case["state"],
            ", ".join(case["application"]["capabilities"]),
            case["application"]["useCase"],
            case.get("validUntil", "")[:10],
        )
        for case in cases
    ]
    return table("id", "tenant", "state", "capabilities", "use case", "until", rows=rows)
