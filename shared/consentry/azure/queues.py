"""Queues of an Azure storage account, as far as this app sends to them: the host receives."""

from typing import Final

from azure.storage.queue import LinearRetry, QueueClient, TextBase64EncodePolicy

from consentry.azure.credentials import StorageCredential
from consentry.azure.foreign import RETRIES, client_options, our_errors

_BACKOFF_SECONDS: Final = 1  # the library counts in whole seconds


class AzureQueue:
    """One queue, through one client that is kept and shared by threads.

    Messages are base64, which is what the host expects unless host.json says otherwise.
    """

    def __init__(self, endpoint: str, credential: StorageCredential, name: str) -> None:
        retry = LinearRetry(_BACKOFF_SECONDS, RETRIES, random_jitter_range=0)
        self._client = QueueClient(
            endpoint,
            name,
            credential=credential,
            message_encode_policy=TextBase64EncodePolicy(),
            retry_policy=retry,
            **client_options(),
        )

    def send(self, text: str) -> None:
        """Add a message, which is then delivered at least once."""
        with our_errors():
            self._client.send_message(text)
