"""Queue and timer triggers, with the host's tries, poison queues and status blobs."""

import base64
import json
from datetime import UTC, datetime

import pytest
from tests.support.polling import until
from tests.support.sample import Sample

from consentry.localhost.host import host_id


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_message_reaches_the_function_and_is_deleted(sample: Sample) -> None:
    queue = sample.queues.get_queue_client("work-items")
    sent = queue.send_message(_encoded("grüße"))
    assert sample.note(f"worked/{sent.id}/1") == {"body": "grüße"}
    until(lambda: queue.get_queue_properties().approximate_message_count == 0)


def test_failing_message_is_poison_after_its_tries(sample: Sample) -> None:
    sent = sample.queues.get_queue_client("work-items").send_message(_encoded("poison"))
    poison = sample.queues.get_queue_client("work-items-poison")

    def arrived() -> bool:
        if poison.queue_name not in [queue.name for queue in sample.queues.list_queues()]:
            return False
        return _encoded("poison") in [str(m.content) for m in poison.peek_messages(32)]

    until(arrived)
    assert [note.rpartition("/")[2] for note in sample.notes(f"worked/{sent.id}/")] == [
        *("1", "2", "3")  # host.json: maxDequeueCount
    ]


def test_message_that_is_not_base64_is_poison_at_once(sample: Sample) -> None:
    sent = sample.queues.get_queue_client("work-items").send_message("not base64!")
    poison = sample.queues.get_queue_client("work-items-poison")

    def arrived() -> bool:
        if poison.queue_name not in [queue.name for queue in sample.queues.list_queues()]:
            return False
        return "not base64!" in [str(m.content) for m in poison.peek_messages(32)]

    until(arrived)
    assert sample.notes(f"worked/{sent.id}/") == []


def test_poison_queue_has_no_poison_queue_of_its_own(sample: Sample) -> None:
    queue = sample.queues.get_queue_client("more-items-poison")
    sent = queue.send_message(_encoded("x"))
    until(lambda: len(sample.notes(f"watched/{sent.id}/")) == 3)
    until(lambda: queue.peek_messages() == [])
    names = [found.name for found in sample.queues.list_queues()]
    assert "more-items-poison-poison" not in names
    # The message is still there, only invisible.
    assert queue.get_queue_properties().approximate_message_count == 1


def test_admin_call_hands_a_text_to_a_queue_function(sample: Sample) -> None:
    before = set(sample.notes("worked/"))
    reply = sample.http.post(
        "/admin/functions/worked",
        headers={"x-functions-key": sample.stack.keys.master},
        json={"input": {"a": 1}},
    )
    assert reply.status_code == 202
    (name,) = until(lambda: set(sample.notes("worked/")) - before)
    assert sample.note(name) == {"body": '{"a": 1}'}


def test_timer_runs_on_schedule_and_keeps_its_status(sample: Sample) -> None:
    app = sample.stack.app
    name = f"timers/{host_id(app)}/Host.Functions.ticked/status"
    blob = sample.blobs.get_blob_client("azure-webjobs-hosts", name)
    until(blob.exists)
    status = json.loads(blob.download_blob().readall())
    last, following = (datetime.fromisoformat(status[key]) for key in ("Last", "Next"))
    assert last < following
    assert following.microsecond == 0
    seen = until(lambda: sample.note("ticked")["status"])
    assert datetime.fromisoformat(seen["Last"]).tzinfo is not None


def test_missed_timer_run_is_made_up_for_after_a_restart(sample: Sample) -> None:
    name = f"timers/{host_id(sample.stack.app)}/Host.Functions.rarely/status"
    blob = sample.blobs.get_blob_client("azure-webjobs-hosts", name)
    missed = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    blob.upload_blob(json.dumps({"Last": missed, "Next": missed, "LastUpdated": missed}))
    sample.stack.restart_worker()
    assert sample.note("rarely") == {"past_due": True}


def test_admin_call_runs_a_timer_now(sample: Sample) -> None:
    before = sample.notes("rarely")
    for name in before:
        sample.blobs.get_blob_client("notes", name).delete_blob()
    reply = sample.http.post(
        "/admin/functions/rarely",
        headers={"x-functions-key": sample.stack.keys.master},
        json={},
    )
    assert reply.status_code == 202
    assert sample.note("rarely") == {"past_due": False}


@pytest.mark.slow
def test_no_message_is_lost_when_the_worker_is_replaced(sample: Sample) -> None:
    queue = sample.queues.get_queue_client("work-items")
    sent = []
    for round_ in range(3):
        sent += [queue.send_message(_encoded(f"{round_}")).id for _ in range(10)]
        sample.stack.restart_worker()
    until(lambda: all(sample.notes(f"worked/{id_}/") for id_ in sent))
