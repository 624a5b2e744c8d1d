"""What anybody may read: liveness, readiness, the description of the interface, public keys."""

from collections.abc import Callable

import azure.functions as func

from entry import Api, Endpoint, Provider
from wire import json_reply


def register(services: Provider, describe: Callable[[], dict[str, object]]) -> Api:
    """Register the functions on the open list."""
    api = Api(services)

    @api.open_http(_endpoint("health", "The process answers"))
    def health() -> func.HttpResponse:
        return json_reply({"status": "alive"})

    @api.open_http(_endpoint("ready", "Storage, keys and models can be reached and are whole"))
    def ready() -> func.HttpResponse:
        services().check_ready()
        return json_reply({"status": "ready"})

    @api.open_http(_endpoint("openapi", "This description", route="openapi.json"))
    def openapi() -> func.HttpResponse:
        return json_reply(describe())

    @api.open_http(
        _endpoint(
            "keys", "Public keys as a JWK set; those of decisions apart from it, in decisionKeys"
        )
    )
    def keys() -> func.HttpResponse:
        keys, decisions = services().signing_key, services().access
        return json_reply(
            {
                "keys": [dict(key.jwk) for key in keys.public_keys()],
                "decisionKeys": [dict(key.jwk) for key in decisions.public_keys],
            }
        )

    return api


def _endpoint(name: str, summary: str, route: str = "") -> Endpoint:
    return Endpoint(name, ["GET"], route or name, summary, operation=None)
