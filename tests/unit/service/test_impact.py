"""Outputs that relied on a receipt: listed, and masked again."""

from uuid import UUID

import pytest
from tests.support.service import STRANGER, TENANT, make_world
from tests.support.studio import Studio, shows_nobody, words

from consentry.azure.names import Container
from consentry.service.jobs.job import JOB_METADATA
from consentry.service.manifests import REDACTION, open_signed
from consentry.service.outputs import Output


@pytest.fixture
def studio() -> Studio:
    world = make_world()
    world.approve()
    return Studio(world)


def test_outputs_that_relied_on_a_receipt_are_listed_and_redacted_again(studio: Studio) -> None:
    consent, name = studio.consenting(), f"{TENANT}/pair.png"
    claims = f"{words(studio.a)}@{consent}"
    studio.redact(claims)
    studio.world.clock.advance(seconds=1)
    studio.world.drop(name, studio.picture, claims=claims)
    studio.world.arrive(name)
    studio.withdraw(consent)
    over_http, stored = studio.outputs(consent)
    assert "result" not in over_http
    assert stored["result"] == name
    assert studio.redact_again(consent, over_http["id"]).status_code == 409
    assert studio.redact_again(consent, stored["id"]).status_code == 200
    shows_nobody(studio.world.content(Container.REDACTED, name) or b"")
    assert studio.outputs(consent)[1]["redactedAgain"] == studio.world.records()[-2]["id"]
    keys = studio.world.services.signing_key.public_keys()
    file = studio.world.content(Container.REDACTED, f"{name}.manifest.json") or b""
    assert open_signed(file, kind=REDACTION, public_keys=keys)["claims"] == []


def test_an_output_that_was_replaced_is_not_touched(studio: Studio) -> None:
    consent, name = studio.consenting(), f"{TENANT}/pair.png"
    studio.world.drop(name, studio.picture, claims=f"{words(studio.a)}@{consent}")
    studio.world.arrive(name)
    studio.world.drop(name, studio.picture)
    studio.world.arrive(name)
    [output] = studio.outputs(consent)
    before = studio.world.content(Container.REDACTED, name)
    assert studio.redact_again(consent, output["id"]).status_code == 404
    assert studio.world.content(Container.REDACTED, name) == before
    studio.world.approve(STRANGER)
    assert studio.redact_again(consent, output["id"], STRANGER).status_code == 404
    assert studio.outputs(consent, STRANGER) == []


def test_a_video_is_not_redacted_again_as_a_job_that_waits_for_its_name_wishes(
    studio: Studio,
) -> None:
    consent, name, made_by = studio.consenting(), f"{TENANT}/film.mp4", str(UUID(int=7))
    world, metadata = studio.world, {JOB_METADATA: made_by}
    world.blobs.write(
        Container.REDACTED, name, b"a video", content_type="video/mp4", metadata=metadata
    )
    output = Output(consent, made_by, world.clock(), "", name)
    world.services.impact.outputs.note(TENANT, output)
    waiting = studio.ask("redact", document={"name": "film.mp4"}, expect=202)["id"]
    assert studio.redact_again(consent, made_by).status_code == 409
    assert world.names(Container.REDACTED) == [name]
    route = {"id": waiting}
    studio.ask("cancel_redaction_job", method="DELETE", route=route, expect=202)
    assert studio.redact_again(consent, made_by).status_code == 200
    assert (world.names(Container.REDACTED), world.names(Container.INBOX)) == ([], [name])
