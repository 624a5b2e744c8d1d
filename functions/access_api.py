"""Access approval over HTTP: tenants apply and appeal, reviewers decide."""

from collections.abc import Callable
from typing import Any, Final

import azure.functions as func
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from access_views import case_document
from consentry.errors import ArgumentError
from consentry.service.applications import Applications
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.applications import Application
from consentry.trust.approvals import Conditions
from consentry.trust.operations import Operation
from consentry.trust.policy import ConsentRule, DefaultTerms
from consentry.trust.review import Case, Terms, Verdict
from entry import Api, Endpoint, Provider
from wire import JSON_MEDIA_TYPE, Request, json_reply

ROUTE: Final = "access/applications"
CREATED: Final = 201

Change = Callable[[Applications, Invocation, str], Outcome[Case]]

_CHANGES: Final[tuple[tuple[str, Operation, str, Change], ...]] = (
    ("submit", Operation.SUBMIT, "Hand a draft in", Applications.submit),
    ("suspend", Operation.SUSPEND, "Put an approval out of force", Applications.suspend),
    ("resume", Operation.RESUME, "Put a suspended approval in force again", Applications.resume),
    ("revoke", Operation.REVOKE, "End an approval", Applications.revoke),
    ("appeal", Operation.APPEAL, "Reopen what was denied or revoked, once", Applications.appeal),
)


class DecisionBody(BaseModel):
    """A reviewer's word; the terms are needed to approve.

    A rate or retention that is not named is the policy's.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )

    verdict: Verdict
    days: int = 0
    jurisdictions: tuple[str, ...] = ()
    consent: ConsentRule = ConsentRule.REQUIRED
    rate_per_minute: int | None = None
    retention_days: int | None = None
    target_fmr: float | None = None

    def terms(self, default: DefaultTerms | None) -> Terms | None:
        """Give the terms of an approval; ArgumentError where one is named nowhere."""
        if self.verdict is Verdict.DENY:
            return None
        rate, days = self.rate_per_minute, self.retention_days
        if default is not None:
            rate = default.rate_per_minute if rate is None else rate
            days = default.retention_days if days is None else days
        if rate is None or days is None:
            raise ArgumentError("a decision states a rate and a retention")
        conditions = Conditions(
            jurisdictions=self.jurisdictions,
            consent=self.consent,
            rate_per_minute=rate,
            retention_days=days,
            target_fmr=self.target_fmr,
        )
        return Terms(self.days, conditions)


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)

    _register_applicants(api, services)
    _register_reviewers(api, services)
    for word, operation, summary, change in _CHANGES:
        _register_change(api, services, word, operation, summary, change)
    return api


def _register_applicants(api: Api, services: Provider) -> None:
    """What applicants do with their applications, and everybody's look at them."""

    def document(case: Case, invocation: Invocation) -> dict[str, Any]:
        return case_document(case, invocation, services().applications.book)

    @api.http(
        Endpoint(
            name="apply",
            methods=["POST"],
            route=ROUTE,
            summary="Begin an application for access, as a draft",
            operation=Operation.APPLY,
            request=JSON_MEDIA_TYPE,
            replies=(CREATED,),
        )
    )
    def apply(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().applications.apply(invocation, request.model(Application))
        return outcome.map(lambda case: json_reply(document(case, invocation), status=CREATED))

    @api.http(_get("applications", ROUTE, "Applications that you may see"))
    def applications(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        del request
        outcome = services().applications.list(invocation)
        return outcome.map(
            lambda cases: json_reply(
                {"applications": [document(case, invocation) for case in cases]}
            )
        )

    @api.http(_get("application", f"{ROUTE}/{{id}}", "An application, its state and history"))
    def application(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().applications.read(invocation, _identifier(request))
        return outcome.map(_view(services, invocation))

    @api.http(
        Endpoint(
            name="edit_application",
            methods=["PUT"],
            route=f"{ROUTE}/{{id}}",
            summary="Put other words into a draft",
            operation=Operation.EDIT,
            request=JSON_MEDIA_TYPE,
        )
    )
    def edit(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        application = request.model(Application)
        outcome = services().applications.edit(invocation, _identifier(request), application)
        return outcome.map(_view(services, invocation))


def _register_reviewers(api: Api, services: Provider) -> None:
    """A reviewer's word, and what was signed of it."""

    @api.http(
        Endpoint(
            name="decide_application",
            methods=["POST"],
            route=f"{ROUTE}/{{id}}/decisions",
            summary="A reviewer's word on an application",
            operation=Operation.DECIDE,
            request=JSON_MEDIA_TYPE,
        )
    )
    def decide(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        body = request.model(DecisionBody)
        applications = services().applications
        terms = body.terms(applications.book.in_force(invocation.time).default_terms)
        outcome = applications.decide(invocation, _identifier(request), body.verdict, terms)
        return outcome.map(_view(services, invocation))

    @api.http(
        Endpoint(
            name="decisions",
            methods=["GET"],
            route=f"{ROUTE}/{{id}}/decisions",
            summary="The signed decisions on an application, to be checked elsewhere",
            operation=Operation.READ_DECISIONS,
        )
    )
    def decisions(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = services().applications.decisions(invocation, _identifier(request))
        return outcome.map(
            lambda found: json_reply({"decisions": [signed.decode() for signed in found]})
        )


def _register_change(
    api: Api, services: Provider, word: str, operation: Operation, summary: str, change: Change
) -> None:
    @api.http(
        Endpoint(
            name=f"{word}_application",
            methods=["POST"],
            route=f"{ROUTE}/{{id}}/{word}",
            summary=summary,
            operation=operation,
        )
    )
    def handle(request: Request, invocation: Invocation) -> Outcome[func.HttpResponse]:
        outcome = change(services().applications, invocation, _identifier(request))
        return outcome.map(_view(services, invocation))


def _view(services: Provider, invocation: Invocation) -> Callable[[Case], func.HttpResponse]:
    """Show an application as whoever asks may see it."""
    return lambda case: json_reply(case_document(case, invocation, services().applications.book))


def _get(name: str, route: str, summary: str) -> Endpoint:
    return Endpoint(name, ["GET"], route, summary, operation=Operation.READ_APPLICATION)


def _identifier(request: Request) -> str:
    return str(request.identifier("application"))
