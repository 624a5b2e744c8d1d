"""Rotation of keys by timer and by command."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from tests.support.service import TENANT, World, make_world

from consentry.azure.names import TableName
from consentry.errors import ArgumentError
from consentry.limits import DATA_KEY_DAYS
from consentry.service.call import Call, OperatorCommand, SystemTimer, Trigger
from consentry.service.datakeys import Purpose
from consentry.service.rotation import RETIRED
from consentry.service.templates import Binding
from consentry.trust.operations import Operation

MODEL = "a" * 64


@pytest.fixture
def world() -> World:
    return make_world()


def carry_on(world: World) -> dict[str, int]:
    """Run the timer, and give what its record counts."""
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    world.services.gate.run(call, world.services.keeping.rotation.carry_on)
    counts: dict[str, int] = world.records()[-1]["counts"]
    return counts


def rows(world: World) -> list[str]:
    return [row.row for row in world.tables[TableName.DATA_KEYS].query(TENANT)]


def test_a_key_for_templates_is_replaced_after_its_days(world: World) -> None:
    world.services.faces.templates.keys.get(TENANT, Purpose.TEMPLATES)
    world.clock.advance(days=DATA_KEY_DAYS, seconds=-1)
    assert carry_on(world)["rotated"] == 0
    world.clock.advance(seconds=1)
    assert carry_on(world)["rotated"] == 1
    assert rows(world) == ["templates:000001", "templates:000002"]
    assert carry_on(world)["rotated"] == 0


def test_an_old_key_is_destroyed_when_the_last_that_it_sealed_has_ended(world: World) -> None:
    templates = world.services.faces.templates
    template = np.full(128, 128**-0.5, dtype=np.float32)
    templates.keys.get(TENANT, Purpose.TEMPLATES)
    world.clock.advance(days=DATA_KEY_DAYS)
    face_id, life = uuid4(), timedelta(days=1)
    templates.keep(
        TENANT,
        face_id,
        template,
        binding=Binding("5" * 64),
        model=MODEL,
        now=world.clock(),
        lifetime=life,
    )
    carry_on(world)
    world.clock.advance(days=1, seconds=-1)
    assert carry_on(world)["destroyed"] == 0
    assert templates.open(TENANT, face_id, model=MODEL, now=world.clock()).template.shape == (128,)
    world.clock.advance(seconds=RETIRED.total_seconds() - 86_400 + 1)
    assert carry_on(world)["destroyed"] == 1
    assert rows(world) == ["templates:000002"]


def test_keys_of_digests_and_callers_have_no_next_version(world: World) -> None:
    world.services.faces.templates.keys.get(TENANT, Purpose.DIGEST)
    world.clock.advance(days=10 * DATA_KEY_DAYS)
    assert carry_on(world)["rotated"] == 0
    assert rows(world) == ["digest:000001"]


def test_no_key_is_made_for_a_tenant_that_has_none(world: World) -> None:
    carry_on(world)
    assert rows(world) == []


def test_a_new_wrapping_key_wraps_all_data_keys_anew(world: World) -> None:
    keys = world.services.faces.templates.keys
    before = keys.get(TENANT, Purpose.DIGEST)
    wrapping = world.services.parts.wrapping_key
    old = wrapping.kid
    wrapping.rotate()  # type: ignore[attr-defined]
    assert carry_on(world)["wrapped"] == 2  # and the deployment's own, of callers
    found = list(world.tables[TableName.DATA_KEYS].query())
    assert {row.values["kid"] for row in found} == {wrapping.kid} != {old}
    world.clock.advance(days=1)
    assert keys.get(TENANT, Purpose.DIGEST) == before
    assert carry_on(world)["wrapped"] == 0


def test_the_operator_rotates_at_once_and_that_is_recorded(world: World) -> None:
    rotation = world.services.keeping.rotation
    call = Call(Operation.ROTATE_KEYS, OperatorCommand(), Trigger.COMMAND, str(uuid4()))
    run = world.services.gate.run
    assert run(call, lambda invocation: rotation.rotate(invocation, TENANT)) == 2
    record = world.records()[-1]
    assert (record["operation"], record["regards"]) == ("rotate_keys", TENANT)
    with pytest.raises(ArgumentError):
        run(call, lambda invocation: rotation.rotate(invocation, "gone"))
