"""Requests and replies: every code has its status, and a bug shows nothing of itself."""

import json
from dataclasses import replace
from itertools import count

import azure.functions as func
import pytest
from tests.support.layer import sample
from tests.support.service import (
    TENANT,
    Arrived,
    Context,
    functions_of,
    handler,
    http_request,
    make_world,
)

from consentry import errors
from consentry.azure.names import TableName
from consentry.errors import ConsentryError, InputError, RefusedError
from consentry.service.services import Once
from entry import InvocationFailedError
from wire import STATUS, error_reply


def _kinds_of(base: type[ConsentryError]) -> set[type[ConsentryError]]:
    kinds = {base}
    for kind in base.__subclasses__():
        kinds |= _kinds_of(kind)
    return kinds


def test_every_error_of_a_caller_has_a_status_of_its_own() -> None:
    codes = {kind.code for base in (InputError, RefusedError) for kind in _kinds_of(base)}
    assert codes <= set(STATUS)
    assert all(400 <= STATUS[code] < 500 for code in codes)


def test_fault_without_a_status_is_ours() -> None:
    reply = error_reply(errors.IntegrityError.code, "broken")
    assert reply.status_code == 500


def test_error_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    assert errors.__doc__ is not None
    drawn = {word for word in errors.__doc__.split() if word.endswith("Error")}
    ours = {
        kind.__name__ for kind in _kinds_of(ConsentryError) if kind.__module__ == errors.__name__
    }
    assert drawn >= ours


def test_bug_in_a_handler_is_told_without_its_message() -> None:
    world = make_world()
    world.approve()
    secret = "a name that must not be told"
    world.blobs.faults.fail("write", error=RuntimeError(secret))
    functions = functions_of(world.services)
    reply = handler(functions, "redact")(
        http_request(world, body=sample("person_a_1.jpg")), Context()
    )
    assert reply.status_code == 500
    assert json.loads(reply.get_body())["error"]["code"] == "InternalError"
    assert secret not in reply.get_body().decode()


def test_bug_in_the_blob_trigger_reaches_the_host_without_its_message() -> None:
    world = make_world()
    world.approve()
    name = f"{TENANT}/a.jpg"
    world.drop(name, sample("person_a_1.jpg"))
    world.blobs.faults.fail("read", error=RuntimeError("a name that must not be told"))
    functions = functions_of(world.services)
    with pytest.raises(InvocationFailedError) as caught:
        handler(functions, "redact_or_verify_upload")(Arrived(name), Context())
    assert str(caught.value) == "unexpected RuntimeError"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("table", "status"), [(TableName.CALLERS, 503), (TableName.ACCESS, 503)])
def test_store_that_fails_at_the_gate_lets_nobody_in(table: TableName, status: int) -> None:
    world = make_world()
    world.approve()
    world.tables[table].faults.fail("get", times=3)
    functions = functions_of(world.services)
    reply = handler(functions, "redact")(
        http_request(world, body=sample("person_a_1.jpg")), Context()
    )
    assert reply.status_code == status
    assert [record["reason"] for record in world.records()] == ["undecided"]


def test_reply_beyond_the_rate_says_when_to_come_again() -> None:
    world = make_world()
    world.approve(rate_per_minute=1)
    functions = functions_of(world.services)
    request = http_request(world, body=sample("person_a_1.jpg"))
    replies = [handler(functions, "redact")(request, Context()) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 429]
    assert replies[1].headers["Retry-After"] == "34"  # the clock stands at second 26
    assert json.loads(replies[1].get_body())["error"]["code"] == "RateLimitExceeded"


def test_callers_request_id_comes_back_only_if_it_fits_a_header() -> None:
    world = make_world()
    functions = functions_of(world.services)
    for sent, expected in (("abc-1", "abc-1"), ("a\nb", ""), ("ü", "")):
        reply = handler(functions, "redact")(
            http_request(world, x_ms_client_request_id=sent), Context()
        )
        assert reply.headers["x-ms-client-request-id"] == expected
        assert reply.headers["x-ms-request-id"] == Context().invocation_id


def test_reply_tells_how_much_of_its_time_the_models_took() -> None:
    world = make_world()
    world.approve()
    redact = handler(functions_of(world.services), "redact")
    done = timing(redact(http_request(world, body=sample("person_a_1.jpg")), Context()))
    assert 0 < done["models"] < done["total"]
    refused = timing(redact(http_request(world, tenant=None), Context()))
    assert refused["models"] == 0


def timing(reply: func.HttpResponse) -> dict[str, float]:
    parts = (part.strip().split(";dur=") for part in reply.headers["Server-Timing"].split(","))
    return {name: float(milliseconds) for name, milliseconds in parts}


def test_open_functions_need_no_key_and_tell_no_tenant() -> None:
    world = make_world()
    functions = functions_of(world.services)
    request = http_request(world, method="GET", tenant=None)
    for name in ("health", "ready", "keys", "openapi", "transparency"):
        reply = handler(functions, name)(request)
        assert reply.status_code == 200
        assert TENANT not in reply.get_body().decode()
    assert world.records() == []


def test_models_run_for_the_first_who_asks_whether_it_is_ready() -> None:
    world = make_world()
    runs = count(1)
    services = replace(world.services, warm=Once(lambda: bool(next(runs))))
    ready = handler(functions_of(services), "ready")
    request = http_request(world, method="GET", tenant=None)
    assert [ready(request).status_code for _ in range(3)] == [200] * 3
    assert next(runs) == 2
    assert world.services.warm() is True


def test_not_ready_says_no_more_than_a_code() -> None:
    broken = Once(lambda: make_world(CONSENTRY_LAYER="no-such-folder").services)
    request = http_request(make_world(), method="GET")
    reply = handler(functions_of(broken), "ready")(request)
    assert reply.status_code == 503
    assert json.loads(reply.get_body())["error"]["code"] == "ModelLayer"
    assert "no-such-folder" not in reply.get_body().decode()
