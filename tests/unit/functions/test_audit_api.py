"""The audit log over HTTP: a tenant reads its own records, auditors all; each look is recorded."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.service import STRANGER, TENANT, App, World, make_world

from consentry.trust.operations import Role

AUDITOR = (Role.AUDITOR, "ann")


@pytest.fixture
def world() -> World:
    """Two tenants that each left some records, on two days and in two chains."""
    world = make_world()
    for tenant in (TENANT, STRANGER):
        world.approve(tenant)
    app = App(world)
    for _ in range(2):
        for tenant in (TENANT, STRANGER, TENANT):
            app.ask(
                "upload_status", method="GET", tenant=tenant, route={"id": "0" * 32}, expect=404
            )
        world.clock.advance(days=1)
        for tenant in (TENANT, STRANGER):
            world.approve(tenant)
    return world


@pytest.fixture
def app(world: World) -> App:
    return App(world)


def ask(
    world: World,
    app: App,
    params: dict[str, str] | None = None,
    *,
    tenant: str = TENANT,
    person: tuple[Role, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Ask for records, of all days unless said otherwise."""
    asked = {"from": day(world, 2)} | (params or {})
    reply = app.reply("audit_records", method="GET", tenant=tenant, person=person, params=asked)
    return reply.status_code, json.loads(reply.get_body())


def day(world: World, ago: int) -> str:
    return (world.clock() - timedelta(days=ago)).date().isoformat()


def test_a_tenants_caller_sees_its_own_records_of_the_period_and_no_others(
    world: World, app: App
) -> None:
    status, page = ask(world, app)
    assert (status, page["next"]) == (200, "")
    assert [record["tenant"] for record in page["records"]] == [TENANT] * 4
    one_day = {"from": day(world, 1), "to": day(world, 1)}
    assert len(ask(world, app, one_day)[1]["records"]) == 2


def test_another_tenants_records_do_not_exist(world: World, app: App) -> None:
    other = ask(world, app, {"tenant": TENANT}, tenant=STRANGER)
    nobody = ask(world, app, {"tenant": "nobody"}, tenant=STRANGER)
    assert other == nobody
    assert other[0] == 404


def test_an_auditor_sees_all_tenants_or_the_one_asked_for(world: World, app: App) -> None:
    everything = ask(world, app, person=AUDITOR)[1]["records"]
    assert {record["tenant"] for record in everything} == {TENANT, STRANGER}
    one = ask(world, app, {"tenant": STRANGER}, person=AUDITOR)[1]["records"]
    assert {record["tenant"] for record in one} == {STRANGER}


def test_reading_leaves_a_record_that_says_whose_records_were_read(world: World, app: App) -> None:
    _, page = ask(world, app, {"limit": "2"}, person=AUDITOR)
    record = world.records()[-1]
    assert (record["operation"], record["counts"]) == ("list_records", {"records": 2})
    assert "regards" not in record
    ask(world, app, {"tenant": STRANGER}, person=AUDITOR)
    assert world.records()[-1]["regards"] == STRANGER
    assert len(page["records"]) == 2


def test_a_tenant_sees_that_an_auditor_looked_and_not_who(world: World, app: App) -> None:
    ask(world, app, {"tenant": TENANT}, person=AUDITOR)
    [looked] = [
        record for record in ask(world, app)[1]["records"] if record.get("regards") == TENANT
    ]
    assert (looked["principal"], looked["operation"]) == ("person", "list_records")


def test_pages_follow_each_other_without_gap_or_repetition(world: World, app: App) -> None:
    days = {"to": day(world, 1)}
    whole = [record["id"] for record in ask(world, app, days)[1]["records"]]
    found, after = [], ""
    for _ in range(10):
        _, page = ask(world, app, days | {"limit": "1", "after": after})
        found += [record["id"] for record in page["records"]]
        after = page["next"]
        if not after:
            break
    assert found == whole
    assert len(whole) == 4


def test_a_page_reads_only_so_much_of_the_log(world: World) -> None:
    log = world.services.log
    small = type(log)(log.store, bytes_max=1)
    services = replace(world.services, log=small)
    _, page = ask(world, App(replace(world, services=services)), tenant=TENANT)
    assert len(page["records"]) <= 1
    assert page["next"]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "-1"},
        {"limit": "٣"},
        {"from": "yesterday"},
        {"to": "2020-01-01"},
        {"from": "0001-01-01"},
        {"after": "checkpoint/1:0"},
        {"after": "../../etc/passwd:0"},
        {"after": "2026-03-14/" + "0" * 32 + "/000000.jsonl:-1"},
        {"after": "x"},
    ],
)
def test_what_makes_no_sense_is_refused(world: World, app: App, params: dict[str, str]) -> None:
    assert ask(world, app, params)[0] == 400


@pytest.mark.parametrize("role", [Role.APPLICANT, Role.REVIEWER, Role.ADMIN])
def test_other_roles_read_no_records(world: World, app: App, role: Role) -> None:
    assert ask(world, app, person=(role, "eve"))[0] == 403


def test_an_auditor_has_any_record_proven(world: World, app: App) -> None:
    [stranger] = [
        record
        for record in world.records()
        if record["tenant"] == STRANGER and record["outcome"] == "NotFound"
    ][:1]
    app.run("seal_audit_log")
    for name, route in (("audit_record", {"id": stranger["id"]}), ("audit_checkpoint", {})):
        app.ask(name, method="GET", person=AUDITOR, route=route)
        record = world.records()[-1]
        assert record["reason"] == "role"
    assert [r["regards"] for r in world.records() if r["operation"] == "prove_record"] == [STRANGER]
