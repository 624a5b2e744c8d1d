"""Consents over HTTP: who registers, who sees, who ends them, and what that leaves."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.consenting import statement_body
from tests.support.service import STRANGER, TENANT, App, World, make_world

from consentry.azure.names import TableName
from consentry.trust.consents import open_receipt
from consentry.trust.operations import Capability

SECRET = "x" * 43


@pytest.fixture
def world() -> World:
    world = make_world()
    world.approve()
    return world


@pytest.fixture
def app(world: World) -> App:
    return App(world)


def _ask(app: App, function: str, consent: str = "", *, code: str = "", **request: Any) -> Any:
    return app.ask(function, route={"id": consent}, x_consentry_withdrawal_code=code, **request)


def _give(app: App, **changes: Any) -> Any:
    body = statement_body(app.world.clock(), **changes)
    return _ask(app, "give_consent", document=body, expect=201)


def test_a_receipt_says_what_was_agreed_and_verifies_with_the_public_keys(
    world: World, app: App
) -> None:
    given = _give(app)
    published = world.services.signing_key.public_keys()
    receipt = open_receipt(given["receipt"].encode(), public_keys=published)
    assert receipt.record_id == given["id"]
    assert (receipt.tenant, receipt.pii_principal_id) == (TENANT, "p-4711")
    assert receipt.given_at == world.clock()
    assert _ask(app, "consent_receipt", given["id"]).decode() == given["receipt"]
    assert _ask(app, "consent", given["id"])["state"] == "given"


def test_only_a_keyed_hash_of_the_code_is_kept_and_the_log_names_nobody(
    world: World, app: App
) -> None:
    given = _give(app)
    row = world.tables[TableName.CONSENTS].get(TENANT, f"consent:{given['id']}")
    assert row is not None
    secret = given["withdrawalCode"].split(".")[-1]
    assert secret not in str(row.values)
    record = world.records()[-1]
    assert record["consent"]["receipt"] == given["id"]
    assert len(record["consent"]["subject"]) == 64
    assert "p-4711" not in json.dumps(world.records())
    assert secret not in json.dumps(world.records())


@pytest.mark.parametrize(
    "changes",
    [
        {"purposes": ["world_peace"]},
        {"givenAt": "2026-03-14T15:09:27Z"},
        {"givenAt": "2026-03-01T00:00:00Z", "validUntil": "2026-03-14T15:09:26Z"},
        {"subject": "ada@contoso.example"},
        {"more": 1},
    ],
)
def test_what_is_no_consent_now_is_not_registered(
    world: World, app: App, changes: dict[str, Any]
) -> None:
    body = statement_body(world.clock(), **changes)
    told = _ask(app, "give_consent", document=body, expect=400)
    assert told["error"]["code"] == "BadArgument"
    assert list(world.tables[TableName.CONSENTS].query()) == []


def test_consents_are_listed_by_subject_and_after_an_id(world: World, app: App) -> None:
    ids = []
    for subject in ("p-1", "p-2", "p-1"):
        ids.append(_give(app, subject=subject)["id"])
        world.clock.advance(seconds=1)

    def listed(**params: str) -> list[str]:
        found = _ask(app, "consents", params=params)["consents"]
        return [one["id"] for one in found]

    assert listed() == ids
    assert listed(subject="p-1") == [ids[0], ids[2]]
    assert listed(after=ids[0]) == ids[1:]
    _ask(app, "consents", params={"after": "x"}, expect=400)


@pytest.mark.parametrize("function", ["consent", "consent_receipt", "withdraw_consent"])
def test_consent_of_another_tenant_does_not_exist(world: World, app: App, function: str) -> None:
    given = _give(app)
    world.approve(STRANGER)
    told = _ask(app, function, given["id"], tenant=STRANGER, expect=404)
    assert told["error"]["code"] == "NotFound"
    assert _ask(app, "consents", tenant=STRANGER) == {"consents": []}
    assert _ask(app, "consent", given["id"])["state"] == "given"


def test_the_code_alone_withdraws_without_an_account_and_is_recorded(
    world: World, app: App
) -> None:
    given = _give(app)
    code = given["withdrawalCode"]
    told = _ask(app, "withdraw_consent", given["id"], tenant=None, code=code)
    assert told["state"] == "withdrawn"
    record = world.records()[-1]
    assert record["principal"] == f"subject:{UUID(given['id']).hex}"
    assert (record["tenant"], record["reason"]) == (TENANT, "withdrawal_code")
    signed = _ask(app, "consent_receipt", given["id"])
    receipt = open_receipt(signed, public_keys=world.services.signing_key.public_keys())
    assert [event.event_state for event in receipt.events] == ["ConsentGiven", "ConsentWithdrawn"]


def test_the_code_opens_nothing_but_the_withdrawal_of_its_own_consent(
    world: World, app: App
) -> None:
    own, other = _give(app), _give(app, subject="p-2")
    code = own["withdrawalCode"]
    _ask(app, "withdraw_consent", other["id"], tenant=None, expect=404, code=code)
    for function in ("consent", "consent_receipt", "consents", "give_consent"):
        told = _ask(app, function, own["id"], tenant=None, expect=403, code=code)
        assert told["error"]["code"] == "UnsupportedFeature"
        assert world.records()[-1]["reason"] == "principal"
    assert _ask(app, "consent", own["id"])["state"] == "given"
    assert _ask(app, "consent", other["id"])["state"] == "given"


def test_every_wrong_code_gets_the_same_answer_and_changes_nothing(app: App) -> None:
    given = _give(app)
    own = UUID(given["id"]).hex
    wrong = (
        f"{TENANT}.{own}.{SECRET}",
        f"{STRANGER}.{own}.{SECRET}",
        f"nobody.{own}.{SECRET}",
        f"{TENANT}.{uuid4().hex}.{SECRET}",
        given["withdrawalCode"] + "x",
        "",
    )
    answers = {
        json.dumps(
            _ask(
                app,
                "withdraw_consent",
                given["id"],
                tenant=None,
                expect=401,
                code=code,
            )
        )
        for code in wrong
    }
    assert len(answers) == 1
    assert _ask(app, "consent", given["id"])["state"] == "given"


def test_a_code_beside_a_key_is_none(app: App) -> None:
    given = _give(app)
    code = given["withdrawalCode"]
    _ask(app, "withdraw_consent", given["id"], expect=401, code=code)


def test_a_code_copied_to_another_consents_row_opens_nothing(world: World, app: App) -> None:
    own, other = _give(app), _give(app, subject="p-2")
    table = world.tables[TableName.CONSENTS]
    rows = [table.get(TENANT, f"consent:{one['id']}") for one in (own, other)]
    assert rows[0] is not None
    assert rows[1] is not None
    table.put(TENANT, rows[1].row, {**rows[1].values, "code": rows[0].values["code"]})
    forged = f"{TENANT}.{UUID(other['id']).hex}.{own['withdrawalCode'].split('.')[-1]}"
    _ask(
        app,
        "withdraw_consent",
        other["id"],
        tenant=None,
        expect=401,
        code=forged,
    )
    assert _ask(app, "consent", other["id"])["state"] == "given"


def test_a_tenant_that_lost_its_approvals_can_still_end_a_consent(world: World, app: App) -> None:
    given = _give(app)
    for capability in Capability:
        world.revoke(capability)
    world.clock.advance(seconds=2)
    assert _ask(app, "withdraw_consent", given["id"])["state"] == "withdrawn"
    assert world.records()[-1]["reason"] == "controller"
    _ask(app, "give_consent", document=statement_body(world.clock()), expect=403)


def test_withdrawing_again_changes_nothing(world: World, app: App) -> None:
    given = _give(app)
    first = _ask(app, "withdraw_consent", given["id"])
    world.clock.advance(seconds=2)
    assert _ask(app, "withdraw_consent", given["id"]) == first


def test_a_consent_is_neither_given_nor_withdrawn_without_its_record(
    world: World, app: App
) -> None:
    given = _give(app)
    world.audit.faults.fail("append", times=10)
    _ask(app, "give_consent", document=statement_body(world.clock()), expect=503)
    _ask(app, "withdraw_consent", given["id"], expect=503)
    world.audit.faults = type(world.audit.faults)()
    [only] = _ask(app, "consents")["consents"]
    assert (only["id"], only["state"]) == (given["id"], "given")


@pytest.mark.parametrize("change", ["signature", "copied", "missing"])
def test_a_consents_row_written_by_hand_is_not_believed(
    world: World, app: App, change: str
) -> None:
    given, other = _give(app), _give(app, subject="p-2")
    table = world.tables[TableName.CONSENTS]
    row, foreign = (table.get(TENANT, f"consent:{one['id']}") for one in (given, other))
    assert row is not None
    assert foreign is not None
    values = dict(row.values)
    match change:
        case "signature":
            signed = values["signed"]
            assert isinstance(signed, bytes)
            values["signed"] = signed[:-4] + b"AAAA"
        case "copied":
            values["signed"] = foreign.values["signed"]
        case "missing":
            del values["signed"]
    table.put(TENANT, row.row, values)
    told = _ask(app, "consent", given["id"], expect=500)
    assert told["error"]["code"] == "IntegrityFailure"
