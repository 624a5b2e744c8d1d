"""The description of the interface, made of the endpoints as they were registered."""

import re
from collections.abc import Iterable
from typing import Any, Final

from consentry import __version__
from consentry.trust.operations import RULES, Operation, PrincipalKind
from entry import Endpoint
from wire import CODE_HEADER, KEY_HEADER, STATUS

_PARAMETER = re.compile(r"\{\*?([a-z]+)\}")

ERROR_SCHEMA: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "enum": sorted(STATUS)},
                "message": {"type": "string"},
            },
        }
    },
}


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document of these endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = paths.setdefault("/" + endpoint.route.replace("{*", "{"), {})
        for method in endpoint.methods:
            path[method.lower()] = _operation(endpoint, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Consentry",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR_SCHEMA},
            "securitySchemes": {
                "tenantKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
                "withdrawalCode": {"type": "apiKey", "in": "header", "name": CODE_HEADER},
                "person": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operation(endpoint: Endpoint, method: str) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.route)
    ] + [{"name": name, "in": "query", "schema": {"type": "string"}} for name in endpoint.query]
    described: dict[str, Any] = {
        "operationId": endpoint.name if len(endpoint.methods) == 1 else f"{endpoint.name}_{method}",
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {str(status): {"description": "As described"} for status in endpoint.replies}
        | {"default": _error_reply()},
        "security": _security(endpoint.operation),
    }
    if endpoint.request:
        described["requestBody"] = {
            "required": True,
            "content": {
                kind: {"schema": {}} for kind in (endpoint.request, endpoint.or_else) if kind
            },
        }
    return described


def _security(operation: Operation | None) -> list[dict[str, list[str]]]:
    """Give the credentials that open an endpoint: any one of them does."""
    if operation is None:
        return []
    schemes = {
        PrincipalKind.CALLER: "tenantKey",
        PrincipalKind.PERSON: "person",
        PrincipalKind.SUBJECT: "withdrawalCode",
    }
    anybody = {PrincipalKind.CALLER, PrincipalKind.PERSON}
    kinds = RULES[operation].kinds or anybody  # what is refused to all, is so by name
    return [{scheme: []} for kind, scheme in schemes.items() if kind in kinds]


def _error_reply() -> dict[str, Any]:
    return {
        "description": "An error, by its code",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
