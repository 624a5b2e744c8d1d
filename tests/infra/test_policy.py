"""Every stack keeps every rule, and every rule notices what it is there for."""

import pytest
from tests.infra.mutations import WEAKENED, Mutation, mutations
from tests.infra.policy import RULES, breaches, of
from tests.infra.registered import Registered, Stack


def test_every_stack_keeps_every_rule(stack: Stack, private_stack: Stack) -> None:
    assert len(stack.resources) > 60
    assert breaches(stack.resources) == {}
    assert breaches(private_stack.resources) == {}


@pytest.mark.parametrize("mutation", WEAKENED, ids=lambda mutation: str(mutation.title))
def test_weakened_property_breaks_its_rule(stack: Stack, mutation: Mutation) -> None:
    assert mutation.rule in breaches(mutation.apply(stack.resources))


def test_every_role_and_setting_left_out_or_widened_is_noticed(stack: Stack) -> None:
    found = [each for each in mutations(stack.resources) if each not in WEAKENED]
    assert len(found) > 2 * len(of(stack.resources, "authorization:RoleAssignment"))
    for mutation in found:
        assert mutation.rule in breaches(mutation.apply(stack.resources)), mutation.title


def test_unknown_type_is_noticed(stack: Stack) -> None:
    stranger = Registered("aws:s3/bucket:Bucket", "bucket", {}, "bucket")
    assert "only_known_types" in breaches([*stack.resources, stranger])


def test_every_rule_has_a_case_that_breaks_it(stack: Stack) -> None:
    covered = {mutation.rule for mutation in mutations(stack.resources)} | {"only_known_types"}
    assert {rule.__name__ for rule in RULES} == covered
