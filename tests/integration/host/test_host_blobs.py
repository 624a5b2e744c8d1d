"""Blob triggers run over the Event Grid path, from webhook to poison queue."""

import base64
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.support.polling import until
from tests.support.sample import Sample

POISON = "webjobs-blobtrigger-poison"


def _post(
    sample: Sample, event_type: str, document: Any, code: str | None = None
) -> httpx.Response:
    return sample.http.post(
        "/runtime/webhooks/blobs",
        params={
            "functionName": "Host.Functions.arrived",
            "code": sample.stack.keys.blobs_extension if code is None else code,
        },
        headers={"aeg-event-type": event_type},
        json=document,
    )


def test_new_blob_reaches_a_function_that_takes_a_client(sample: Sample) -> None:
    name = f"bob/{uuid4()}/a b.txt"
    sample.blobs.get_blob_client("inbox", name).upload_blob(b"hello")
    assert sample.note(f"arrived/{name}") == {"size": 5}


def test_new_blob_reaches_a_function_that_takes_a_stream(sample: Sample) -> None:
    name = f"{uuid4()}.bin"
    blob = sample.blobs.get_blob_client("stream", name)
    blob.upload_blob(b"hello", metadata={"kind": "solid"})
    assert sample.note(f"streamed/stream/{name}") == {
        "uri": blob.url,
        "length": 5,
        "size": 5,
        "metadata": {"kind": "solid"},
    }


def test_overwritten_blob_is_a_new_event(sample: Sample) -> None:
    name = f"bob/{uuid4()}"
    blob = sample.blobs.get_blob_client("inbox", name)
    blob.upload_blob(b"first")
    assert sample.note(f"arrived/{name}") == {"size": 5}
    blob.upload_blob(b"second", overwrite=True)
    until(lambda: sample.note(f"arrived/{name}") == {"size": 6})


def test_blob_that_the_path_does_not_mean_starts_nothing(sample: Sample) -> None:
    other, meant = f"{uuid4()}", f"bob/{uuid4()}"
    sample.blobs.get_blob_client("inbox", other).upload_blob(b"x")
    sample.blobs.get_blob_client("inbox", meant).upload_blob(b"x")
    sample.note(f"arrived/{meant}")
    assert sample.notes(f"arrived/{other}") == []


def test_failing_blob_is_poison_after_five_tries(sample: Sample) -> None:
    name = f"bob/{uuid4()}"
    sample.blobs.get_blob_client("inbox", name).upload_blob(b"poison")
    queue = sample.queues.get_queue_client(POISON)

    def poisoned() -> list[dict[str, Any]]:
        if POISON not in [found.name for found in sample.queues.list_queues()]:
            return []
        messages = [json.loads(base64.b64decode(m.content)) for m in queue.peek_messages(32)]
        return [message for message in messages if message["BlobName"] == name]

    message = until(poisoned)[0]
    tries = [note for note in sample.notes("tried/") if note.endswith(name)]
    assert len(tries) == 5
    assert message["FunctionId"] == "Host.Functions.arrived"
    assert message["ContainerName"] == "inbox"
    assert message["BlobType"] == "Block"
    assert message["ETag"].startswith('"')


def test_event_of_a_blob_that_is_gone_is_dropped(sample: Sample) -> None:
    url = sample.blobs.get_blob_client("inbox", f"bob/{uuid4()}").url
    event = {"data": {"url": url, "eTag": "0x1", "blobType": "BlockBlob"}}
    assert _post(sample, "Notification", event).status_code == 202
    name = f"bob/{uuid4()}"
    sample.blobs.get_blob_client("inbox", name).upload_blob(b"later")
    assert sample.note(f"arrived/{name}") == {"size": 5}


def test_subscription_handshake_is_answered(sample: Sample) -> None:
    reply = _post(sample, "SubscriptionValidation", [{"data": {"validationCode": "17"}}])
    assert (reply.status_code, reply.json()) == (200, {"validationResponse": "17"})


@pytest.mark.parametrize(
    ("event_type", "document", "status"),
    [
        ("Unsubscribe", [], 202),
        ("Other", [], 400),
        ("Notification", [{}], 400),
        ("Notification", [{"data": {"url": "no address"}}], 400),
        ("Notification", 7, 400),
        ("SubscriptionValidation", [], 400),
    ],
)
def test_webhook_takes_only_event_grids_requests(
    sample: Sample, event_type: str, document: Any, status: int
) -> None:
    assert _post(sample, event_type, document).status_code == status


@pytest.mark.parametrize("code", ["", "wrong"])
def test_webhook_needs_its_own_key(sample: Sample, code: str) -> None:
    assert _post(sample, "Unsubscribe", [], code).status_code == 401
    assert _post(sample, "Unsubscribe", [], sample.stack.keys.function).status_code == 401


def test_admin_call_runs_the_function_for_a_named_blob(sample: Sample) -> None:
    name = f"bob/{uuid4()}"
    sample.blobs.get_blob_client("inbox", name).upload_blob(b"hello")
    sample.note(f"arrived/{name}")
    sample.blobs.get_blob_client("notes", f"arrived/{name}").delete_blob()
    reply = sample.http.post(
        "/admin/functions/arrived",
        headers={"x-functions-key": sample.stack.keys.master},
        json={"input": f"inbox/{name}"},
    )
    assert reply.status_code == 202
    assert sample.note(f"arrived/{name}") == {"size": 5}
