"""The description of the interface says what the app does, no more and no less."""

import json
from typing import Any

import pytest
from tests.support.service import functions_of, handler, http_request, make_world

from registry import register_all
from wire import STATUS


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    world = make_world()
    reply = handler(functions_of(world.services), "openapi")(http_request(world, method="GET"))
    document: dict[str, Any] = json.loads(reply.get_body())
    return document


def test_every_route_and_method_of_the_app_is_described(described: dict[str, Any]) -> None:
    routes = set()
    for function in functions_of(make_world().services).values():
        trigger = function.get_trigger().get_dict_repr()
        if trigger["type"] == "httpTrigger":
            path = "/" + trigger["route"].replace("{*", "{")
            routes |= {(path, method.value.lower()) for method in trigger["methods"]}
    told = {(path, method) for path, item in described["paths"].items() for method in item}
    assert told == routes


def test_every_operation_id_is_unique_and_answers_with_the_error_shape(
    described: dict[str, Any],
) -> None:
    operations = [operation for item in described["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}


def test_key_is_asked_for_exactly_where_the_gate_stands(described: dict[str, Any]) -> None:
    endpoints = [e for api in register_all(lambda: make_world().services) for e in api.endpoints]
    for endpoint in endpoints:
        path = described["paths"]["/" + endpoint.route.replace("{*", "{")]
        for method in endpoint.methods:
            assert bool(path[method.lower()]["security"]) is (endpoint.operation is not None)


def test_codes_of_errors_are_the_documented_ones(described: dict[str, Any]) -> None:
    schema = described["components"]["schemas"]["Error"]["properties"]["error"]
    assert schema["properties"]["code"]["enum"] == sorted(STATUS)


def test_redaction_takes_pictures_and_requests_for_jobs(described: dict[str, Any]) -> None:
    body = described["paths"]["/redactions"]["post"]["requestBody"]
    assert set(body["content"]) == {"application/octet-stream", "application/json"}
