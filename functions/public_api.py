"""What anybody may read: liveness, readiness, the interface, public keys, and what this is."""

from collections.abc import Callable
from typing import Final

import azure.functions as func

from consentry.errors import ArgumentError
from consentry.service.transparency import sources, transparency
from entry import Api, Endpoint, Provider
from transparency_page import CONTENT_POLICY, page
from wire import Request, json_reply

VARIES: Final = {"Vary": "Accept"}
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def register(services: Provider, describe: Callable[[], dict[str, object]]) -> Api:
    """Register the functions on the open list."""
    api = Api(services)

    @api.open_http(_endpoint("health", "The process answers"))
    def health(request: Request) -> func.HttpResponse:
        del request
        return json_reply({"status": "alive"})

    @api.open_http(_endpoint("ready", "Storage, keys and models can be reached and are whole"))
    def ready(request: Request) -> func.HttpResponse:
        del request
        services().check_ready()
        return json_reply({"status": "ready"})

    @api.open_http(_endpoint("openapi", "This description", route="openapi.json"))
    def openapi(request: Request) -> func.HttpResponse:
        del request
        return json_reply(describe())

    @api.open_http(
        _endpoint(
            "keys", "Public keys as a JWK set; those of decisions apart from it, in decisionKeys"
        )
    )
    def keys(request: Request) -> func.HttpResponse:
        del request
        keys, decisions = services().signing_key, services().access
        return json_reply(
            {
                "keys": [dict(key.jwk) for key in keys.public_keys()],
                "decisionKeys": [dict(key.jwk) for key in decisions.public_keys],
            }
        )

    @api.open_http(
        Endpoint(
            name="transparency",
            methods=["GET"],
            route="transparency",
            summary="What this deployment does, under which rules, and how often it errs",
            operation=None,
            query=("format",),
        )
    )
    def transparency_page(request: Request) -> func.HttpResponse:
        parts = services()
        now = parts.parts.clock()
        given = sources(parts.applications.book.in_force(now), parts.settings)
        document = transparency(given, now)
        if not _wants_page(request):
            return json_reply(document, headers=VARIES)
        return func.HttpResponse(
            page(document),
            headers={**VARIES, **PAGE_HEADERS},
            mimetype="text/html",
            charset="utf-8",
        )

    return api


def _wants_page(request: Request) -> bool:
    """Tell whether to show a page: as ``format`` says, or as a browser asks for."""
    match request.query("format"):
        case "html":
            return True
        case "json":
            return False
        case "":
            return "text/html" in request.header("accept")
    raise ArgumentError("format is html or json")


def _endpoint(name: str, summary: str, route: str = "") -> Endpoint:
    return Endpoint(name, ["GET"], route or name, summary, operation=None)
