from collections.abc import Callable

import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy
from tests.contract.conftest import CREDENTIAL
from tests.support.memory import MemoryQueue

from consentry.azure.names import QueueName
from consentry.azure.queues import AzureQueue
from consentry.errors import StorageError
from consentry.localhost.azurite import Azurite
from consentry.service.ports import Queue

TEXTS = ["plain", '{"name": "naïve \\" цвет"}', "x" * 30_000]


@pytest.fixture
def queue_and_taker(
    kind: str, request: pytest.FixtureRequest
) -> tuple[Queue, Callable[[], list[str]]]:
    """A queue, and what gives the messages that lie in it as the host would hand them on."""
    if kind == "memory":
        twin = MemoryQueue()
        return twin, twin.take
    endpoint = request.getfixturevalue("azurite").queue_endpoint
    reader = QueueClient(
        endpoint,
        QueueName.VIDEO,
        credential=CREDENTIAL,
        message_decode_policy=TextBase64DecodePolicy(),
    )

    def take() -> list[str]:
        found = list(reader.receive_messages())
        for message in found:
            reader.delete_message(message)
        return [str(message.content) for message in found]

    return AzureQueue(endpoint, CREDENTIAL, QueueName.VIDEO), take


def test_what_was_sent_is_delivered_as_it_was(
    queue_and_taker: tuple[Queue, Callable[[], list[str]]],
) -> None:
    queue, take = queue_and_taker
    for text in TEXTS:
        queue.send(text)
    assert sorted(take()) == sorted(TEXTS)
    assert take() == []


def test_a_queue_that_is_not_there_is_an_error_of_ours(azurite: Azurite) -> None:
    with pytest.raises(StorageError):
        AzureQueue(azurite.queue_endpoint, CREDENTIAL, "no-such-queue").send("text")
