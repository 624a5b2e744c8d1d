"""No function runs without an approval check and an audit record, but for five by name."""

from uuid import UUID

import azure.functions as func
import pytest
from tests.support.layer import sample
from tests.support.people import principal_id
from tests.support.service import (
    STRANGER,
    TENANT,
    Arrived,
    Context,
    Functions,
    World,
    functions_of,
    handler,
    http_request,
    make_world,
)

from consentry.azure.names import Container
from consentry.service.jobs.job import State
from consentry.service.jobs.messages import StepMessage
from consentry.trust.operations import RULES, Operation, Role
from entry import GATED_ENTRIES, OPEN_FUNCTIONS, Api, Endpoint, InvocationFailedError
from registry import make_app, register_all

SYSTEM_FUNCTIONS = {
    "seal_audit_log",
    "take_up_late_uploads",
    "suspend_searches",
    "forget_sightings",
    "expire_consents",
    "expire_templates",
    "expire_held_uploads",
    "lapse_approvals",
    "erase_tenants",
    "rotate_keys",
    "enforce_retention",
    "cure_orphans",
    "tend_jobs",
    "watch_poison",
    "watch_video_poison",
}
BLOB_FUNCTIONS = {"redact_or_verify_upload"}
QUEUE_FUNCTIONS = {"take_video_step"}
TRIGGERED = SYSTEM_FUNCTIONS | BLOB_FUNCTIONS | QUEUE_FUNCTIONS
WITHOUT_APPROVAL = {"withdraw_consent"}
"""What a tenant may do whose approvals have ended: it protects people from it."""


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def functions(world: World) -> Functions:
    return functions_of(world.services)


def ungated(functions: Functions) -> set[str]:
    """Names of the functions that were not registered as the gate's."""
    return {name for name in functions if handler(functions, name).__code__ not in GATED_ENTRIES}


def test_only_the_functions_on_the_open_list_are_ungated(functions: Functions) -> None:
    assert (
        ungated(functions)
        == OPEN_FUNCTIONS
        == {
            "health",
            "ready",
            "openapi",
            "keys",
            "transparency",
        }
    )


def test_function_that_bypasses_the_registry_is_noticed(world: World) -> None:
    app = make_app(lambda: world.services)

    @app.function_name("back_door")
    @app.route("back-door")
    def back_door(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(req.get_body())

    functions = {str(found.get_function_name()): found for found in app.get_functions()}
    assert ungated(functions) == OPEN_FUNCTIONS | {"back_door"}


def test_function_off_the_open_list_cannot_be_registered_open(world: World) -> None:
    api = Api(lambda: world.services)
    with pytest.raises(ValueError, match="open list"):
        api.open_http(Endpoint("other", ["GET"], "other", "", None))


def test_every_trigger_is_of_a_known_kind(functions: Functions) -> None:
    kinds = {
        name: function.get_trigger().get_binding_name() for name, function in functions.items()
    }
    http = {name for name, kind in kinds.items() if kind == "httpTrigger"}
    assert set(kinds) - http == TRIGGERED


def test_platform_authenticates_nobody_and_blobs_come_by_event_grid(functions: Functions) -> None:
    triggers = [function.get_trigger().get_dict_repr() for function in functions.values()]
    levels = {trigger["authLevel"] for trigger in triggers if trigger["type"] == "httpTrigger"}
    sources = {trigger["source"] for trigger in triggers if trigger["type"] == "blobTrigger"}
    assert levels == {func.AuthLevel.ANONYMOUS}
    assert sources == {func.BlobSource.EVENT_GRID.value}


@pytest.mark.parametrize(("tenant", "status"), [(None, 401), (STRANGER, 403)])
def test_every_http_function_refuses_and_records(
    world: World, functions: Functions, tenant: str | None, status: int
) -> None:
    for name in set(functions) - OPEN_FUNCTIONS - TRIGGERED:
        before = len(world.records())
        request = http_request(world, body=sample("person_a_1.jpg"), tenant=tenant)
        reply = handler(functions, name)(request, Context())
        records = world.records()[before:]
        if tenant is not None and name in WITHOUT_APPROVAL:
            assert (reply.status_code, records[-1]["reason"]) == (404, "controller"), name
            continue
        assert reply.status_code == status, name
        assert [record["allowed"] for record in records] == [False], name
    assert world.names(Container.REDACTED) == world.names(Container.MANIFESTS) == []


OPERATION = {
    endpoint.name: endpoint.operation
    for api in register_all(lambda: pytest.fail("no service is needed to register functions"))
    for endpoint in api.endpoints
}
"""Operation of each HTTP function; where a parameter decides, the one without parameters."""

ALSO = {
    "detect": {Operation.DETECT_WITH_FACE_ID},
    "redact": {
        Operation.REDACT_WITH_CLAIMS,
        Operation.START_JOB,
        Operation.START_JOB_WITH_CLAIMS,
    },
}
"""Operations that a parameter of a function picks instead."""


@pytest.mark.parametrize("role", Role)
def test_role_opens_its_functions_and_no_other(
    world: World, functions: Functions, role: Role
) -> None:
    """Walk every function: refused for want of the role, or let in to fail at what was sent."""
    for name, operation in OPERATION.items():
        if operation is None:
            continue
        before = len(world.records())
        request = http_request(world, person=(role, "ada"), tenant=STRANGER, method="GET")
        reply = handler(functions, name)(request, Context())
        [record] = world.records()[before:]
        rules = [RULES[found] for found in {operation} | ALSO.get(name, set())]
        covered = all(role in rule.roles for rule in rules)
        assert record["principal"] == f"person:{principal_id('ada')}", name
        if not covered:
            assert record["reason"] in {"no_role", "principal", "one_to_many"}, name
            assert (reply.status_code, record["allowed"]) == (403, False), name
        elif role is Role.CALLER and name in WITHOUT_APPROVAL:
            assert (record["reason"], record["allowed"]) == ("controller", True), name
        elif role is Role.CALLER:
            assert (record["reason"], record["allowed"]) == ("no_approval", False), name
        else:
            assert (record["reason"], record["allowed"]) == ("role", True), name


def test_two_credentials_at_once_are_none(world: World, functions: Functions) -> None:
    key = world.keys[TENANT]
    request = http_request(world, person=(Role.AUDITOR, "joan"), ocp_apim_subscription_key=key)
    assert handler(functions, "applications")(request, Context()).status_code == 401
    assert world.records()[-1]["reason"] == "unauthenticated"


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a.b.c", "bearer x", "Basic x"])
def test_a_header_that_is_no_token_opens_nothing(
    world: World, functions: Functions, header: str
) -> None:
    request = http_request(world, tenant=None, authorization=header)
    assert handler(functions, "applications")(request, Context()).status_code == 401


def test_blob_function_refuses_and_records(world: World, functions: Functions) -> None:
    name = f"{STRANGER}/photo.jpg"
    world.drop(name, sample("person_a_1.jpg"))
    before = len(world.records())
    handler(functions, "redact_or_verify_upload")(Arrived(name), Context())
    assert [record["allowed"] for record in world.records()[before:]] == [False]
    assert world.names(Container.INBOX) == world.names(Container.REDACTED) == []


def test_queue_function_refuses_and_records(world: World, functions: Functions) -> None:
    step = StepMessage(tenant=STRANGER, job=str(UUID(int=1)), state=State.SCANNING)
    before = len(world.records())
    message = func.QueueMessage(body=step.model_dump_json().encode())
    handler(functions, "take_video_step")(message, Context())
    [record] = world.records()[before:]
    assert (record["allowed"], record["principal"]) == (False, "job:inbox")
    assert world.names(Container.PIECES) == world.names(Container.REDACTED) == []


def test_message_that_is_no_step_is_left_to_the_poison_queue(functions: Functions) -> None:
    with pytest.raises(InvocationFailedError, match="BadArgument"):
        handler(functions, "take_video_step")(func.QueueMessage(body=b"not JSON"), Context())


def test_every_system_function_leaves_a_record_of_its_own(
    world: World, functions: Functions
) -> None:
    triggers: dict[str, object] = dict.fromkeys(SYSTEM_FUNCTIONS)
    for name in ("watch_poison", "watch_video_poison"):
        triggers[name] = func.QueueMessage(body=b"not JSON")
    for name in SYSTEM_FUNCTIONS:
        before = len(world.records())
        handler(functions, name)(triggers[name], Context())
        records = world.records()[before:]
        assert [record["principal"] for record in records] == ["system:service"], name
        assert [record["outcome"] for record in records] == ["ok"], name


def test_every_operation_has_a_rule() -> None:
    assert set(RULES) == set(Operation)
