"""Keys of callers over HTTP: an admin makes and revokes them, and the log tells of each."""

import json
from typing import Any

import pytest
from tests.support.service import STRANGER, TENANT, App, World, make_world

from consentry.azure.names import TableName
from consentry.limits import CALLER_KEYS_MAX
from consentry.trust.operations import Role


@pytest.fixture
def world() -> World:
    world = make_world()
    world.approve()
    return world


@pytest.fixture
def app(world: World) -> App:
    return App(world)


def ask(
    app: App, name: str, tenant: str = TENANT, key_id: str = "", *, role: Role = Role.ADMIN
) -> tuple[int, dict[str, Any]]:
    reply = app.reply(name, person=(role, "root"), route={"tenant": tenant, "id": key_id})
    return reply.status_code, json.loads(reply.get_body())


def rows(world: World) -> int:
    return len(list(world.tables[TableName.CALLERS].query()))


def calls(app: App, key: str) -> int:
    """Ask for the consents of whoever holds a key."""
    reply = app.reply("consents", tenant=None, method="GET", ocp_apim_subscription_key=key)
    status: int = reply.status_code
    return status


def test_a_key_is_shown_once_opens_at_once_and_its_making_is_recorded(
    world: World, app: App
) -> None:
    status, made = ask(app, "create_key")
    assert (status, made["tenant"]) == (201, TENANT)
    record = world.records()[-1]
    assert (record["operation"], record["regards"], record["key"]) == (
        "create_key",
        TENANT,
        made["id"],
    )
    secret = made["key"].split(".")[2]
    assert secret not in json.dumps(world.records())
    assert calls(app, made["key"]) == 200
    assert world.records()[-1]["principal"] == f"caller:{made['id']}"
    _, listed = ask(app, "caller_keys", role=Role.AUDITOR)
    assert {key["id"] for key in listed["keys"] if key["active"]} >= {made["id"]}
    assert secret not in json.dumps(listed)


def test_a_revoked_key_opens_nothing_and_is_revoked_once(world: World, app: App) -> None:
    _, made = ask(app, "create_key")
    assert ask(app, "revoke_key", key_id=made["id"])[0] == 200
    assert world.records()[-1]["key"] == made["id"]
    assert calls(app, made["key"]) == 401
    _, listed = ask(app, "caller_keys")
    assert {key["id"]: key["active"] for key in listed["keys"]}[made["id"]] is False
    assert ask(app, "revoke_key", key_id=made["id"])[0] == 404


def test_without_a_record_there_is_no_key(world: World, app: App) -> None:
    before = rows(world)
    world.audit.faults.fail("append")
    status, told = ask(app, "create_key")
    assert (status, told["error"]["code"]) == (503, "ServiceUnavailable")
    assert rows(world) == before


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
def test_nobody_but_an_admin_makes_or_revokes_keys(world: World, app: App, role: Role) -> None:
    key = world.keys[TENANT]
    before = rows(world)
    assert ask(app, "create_key", role=role)[0] == 403
    assert ask(app, "revoke_key", key_id=key.split(".")[1], role=role)[0] == 403
    assert rows(world) == before
    assert calls(app, key) == 200


@pytest.mark.parametrize("tenant", ["nobody", "", "../contoso", "x" * 10_000])
@pytest.mark.parametrize("name", ["create_key", "caller_keys", "revoke_key"])
def test_a_tenant_that_is_not_served_has_no_keys(
    world: World, app: App, name: str, tenant: str
) -> None:
    before = rows(world)
    status, told = ask(app, name, tenant, "0" * 12)
    assert (status, told["error"]["code"]) == (400, "BadArgument")
    assert rows(world) == before
    assert "regards" not in world.records()[-1]


@pytest.mark.parametrize("key_id", ["", "0" * 12, "../x", "X" * 10_000])
def test_a_key_that_the_tenant_does_not_have_is_not_revoked(
    world: World, app: App, key_id: str
) -> None:
    assert ask(app, "revoke_key", key_id=key_id)[0] == 404
    assert calls(app, world.keys[TENANT]) == 200


def test_a_key_of_another_tenant_is_not_revoked_by_its_id(world: World, app: App) -> None:
    key_id = world.keys[TENANT].split(".")[1]
    assert ask(app, "revoke_key", STRANGER, key_id)[0] == 404
    assert calls(app, world.keys[TENANT]) == 200


def test_a_tenant_has_so_many_active_keys_and_no_more(world: World, app: App) -> None:
    for _ in range(CALLER_KEYS_MAX - rows_of(world)):
        assert ask(app, "create_key")[0] == 201
    status, told = ask(app, "create_key")
    assert (status, told["error"]["code"]) == (409, "IllegalState")
    assert rows_of(world) == CALLER_KEYS_MAX
    ask(app, "revoke_key", key_id=world.keys[TENANT].split(".")[1])
    assert ask(app, "create_key")[0] == 201


def rows_of(world: World) -> int:
    return len(list(world.tables[TableName.CALLERS].query(TENANT)))
