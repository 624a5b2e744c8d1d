"""Event Grid: what was written to an account reaches the webhooks that subscribed to it.

At least once: an event comes several times and out of order, if the local cloud is told so. What a
webhook does not take is tried again until the subscription's attempts are used up, and is then
left in its dead-letter container, written by the topic's own identity.
"""

import json
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import httpx

from local.accounts import API_VERSION, Created
from local.cloud import Cloud, RefusedError, Resource
from local.identity import STORAGE, Identities, Who

BLOB_CREATED: Final = "Microsoft.Storage.BlobCreated"
POST_SECONDS_MAX: Final = 30.0  # Event Grid's own
# Another try would be answered in the same way, so there is none.
FINAL: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manners:
    """How events are delivered.

    ``backwards``: events wait until none has come for a pause, and the latest goes first.
    ``pause_seconds`` is also between two tries; Azure itself waits 10 s and more.
    """

    copies: int = 1
    backwards: bool = False
    pause_seconds: float = 1.0


@dataclass
class _Delivery:
    due: float
    subscription_id: str
    event: Mapping[str, Any]
    attempts: int = 0


class Events:
    """Stands behind event subscriptions."""

    def __init__(
        self,
        cloud: Cloud,
        identities: Identities,
        surroundings: Mapping[str, str],
        manners: Manners,
    ) -> None:
        self._cloud = cloud
        self._identities = identities
        self.manners = manners
        trusted = ssl.create_default_context(cafile=surroundings["SSL_CERT_FILE"])
        self._client = httpx.Client(
            proxy=surroundings["HTTPS_PROXY"], verify=trusted, timeout=POST_SECONDS_MAX
        )
        self._waiting: list[_Delivery] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        self.delivered: list[str] = []
        """Subjects of what was taken, in the order in which it was."""
        self.undelivered = 0

    def make(self, resource: Resource) -> None:
        """Subscribe: the webhook must prove that it wants the events."""
        code = str(uuid4())
        event = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}
        answer = self._post(
            resource, "SubscriptionValidation", event | {"data": {"validationCode": code}}
        )
        if answer is None or answer.status_code != HTTPStatus.OK:
            raise RefusedError(f"{resource.id}: the webhook did not answer the handshake")
        if answer.json().get("validationResponse") != code:
            raise RefusedError(f"{resource.id}: the webhook answered the handshake wrongly")

    def change(self, resource: Resource) -> None:
        """Take over another address or filter: the handshake is asked for again."""
        self.make(resource)

    def remove(self, resource: Resource) -> None:
        """Unsubscribe: what waits for delivery is dropped when its turn comes."""

    def stop(self) -> None:
        """Deliver nothing more."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        self._client.close()

    def created(self, created: Created) -> None:
        """Tell the subscribers of an account that a blob was written."""
        subject = (
            f"/blobServices/default/containers/{created.blob.container}/blobs/{created.blob.name}"
        )
        event = _event(created, subject)
        for subscription in self._cloud.of("eventgrid:SystemTopicEventSubscription"):
            topic = self._topic(subscription)
            if topic.inputs["source"] == created.account.id and _wants(subscription, subject):
                for _ in range(self.manners.copies):
                    self._accept(subscription.id, event)

    def _accept(self, subscription_id: str, event: Mapping[str, Any]) -> None:
        """Take an event for delivery."""
        with self._changed:
            due = time.monotonic()
            if self.manners.backwards:
                due += self.manners.pause_seconds
                for other in self._waiting:
                    other.due = due
            self._waiting.append(_Delivery(due, subscription_id, event))
            self._changed.notify()

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            subscription = self._cloud.read(delivery.subscription_id)
            if subscription is not None:
                self._deliver(subscription, delivery)

    def _next(self) -> _Delivery | None:
        """Wait for a delivery that is due; None at the end."""
        with self._changed:
            while not self._ended:
                now = time.monotonic()
                due = [delivery for delivery in self._waiting if delivery.due <= now]
                if due:
                    found = due[-1] if self.manners.backwards else due[0]
                    self._waiting.remove(found)
                    return found
                soonest = min((delivery.due for delivery in self._waiting), default=None)
                self._changed.wait(None if soonest is None else soonest - now)
            return None

    def _deliver(self, subscription: Resource, delivery: _Delivery) -> None:
        event = delivery.event
        answer = self._post(subscription, "Notification", event)
        if answer is not None and answer.is_success:
            self.delivered.append(str(event["subject"]))
            return
        delivery.attempts += 1
        final = answer is not None and answer.status_code in FINAL
        if final or delivery.attempts >= subscription.inputs["retryPolicy"]["maxDeliveryAttempts"]:
            self._leave(subscription, event, delivery.attempts)
            return
        with self._changed:
            delivery.due = time.monotonic() + self.manners.pause_seconds
            self._waiting.append(delivery)

    def _leave(self, subscription: Resource, event: Mapping[str, Any], attempts: int) -> None:
        """Write an event that nobody took to the dead-letter container."""
        letters = subscription.inputs["deadLetterWithResourceIdentity"]["deadLetterDestination"]
        account = self._cloud.read(letters["resourceId"])
        if account is None:
            return
        topic = self._topic(subscription)
        token = self._identities.issue(Who(topic.outputs["identity"]["principalId"]), STORAGE)
        document = [{**event, "deliveryAttempts": attempts}]
        answer = self._client.put(
            f"{account.outputs['primaryEndpoints']['blob']}{letters['blobContainerName']}"
            f"/{topic.inputs['systemTopicName']}/{event['id']}.json",
            content=json.dumps(document).encode(),
            headers={
                "Authorization": f"Bearer {token}",
                "x-ms-blob-type": "BlockBlob",
                "x-ms-version": API_VERSION,
            },
        )
        self.undelivered += 1
        if not answer.is_success:
            logger.warning("An undelivered event could not be kept: %d", answer.status_code)

    def _post(
        self, subscription: Resource, kind: str, event: Mapping[str, Any]
    ) -> httpx.Response | None:
        """Send one event; None where nobody answers."""
        address = subscription.inputs["destination"]["endpointUrl"]
        try:
            return self._client.post(address, json=[event], headers={"aeg-event-type": kind})
        except httpx.TransportError:
            return None

    def _topic(self, subscription: Resource) -> Resource:
        topic = self._cloud.read(subscription.id.rpartition("/eventSubscriptions/")[0])
        if topic is None:
            raise RefusedError(f"{subscription.id} has no topic")
        return topic


def _wants(subscription: Resource, subject: str) -> bool:
    """Tell whether a subscription's filter lets a blob's event pass."""
    rules = subscription.inputs["filter"]
    begins, ends = rules.get("subjectBeginsWith") or "", rules.get("subjectEndsWith") or ""
    if not rules.get("isSubjectCaseSensitive"):
        subject, begins, ends = subject.lower(), begins.lower(), ends.lower()
    types = rules.get("includedEventTypes") or [BLOB_CREATED]
    return BLOB_CREATED in types and subject.startswith(begins) and subject.endswith(ends)


def _event(created: Created, subject: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "topic": created.account.id,
        "subject": subject,
        "eventType": BLOB_CREATED,
        "eventTime": datetime.now(UTC).isoformat(),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": created.api,
            "url": created.url,
            "eTag": created.etag,
            "blobType": created.blob_type,
        },
    }
