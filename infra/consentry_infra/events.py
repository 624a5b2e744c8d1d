"""Event Grid: from a new blob in the inbox to the app's blob trigger."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import eventgrid, web

from consentry.azure.names import INBOX_FUNCTION, Container
from consentry_infra.naming import Names
from consentry_infra.publish import PublishedPackage
from consentry_infra.secure import Placement
from consentry_infra.storage import PlatformContainer, Storage

BLOB_CREATED: Final = "Microsoft.Storage.BlobCreated"
WEBHOOK_KEY: Final = "blobs_extension"  # the system key that the blob extension makes at start
INBOX_SUBJECT: Final = f"/blobServices/default/containers/{Container.INBOX}/blobs/"
ATTEMPTS_MAX: Final = 30
MINUTES_TO_LIVE: Final = 24 * 60


@dataclass(frozen=True)
class TopicProps:
    """What the topic depends on."""

    names: Names
    where: Placement
    storage: Storage


class Topic(pulumi.ComponentResource):
    """The work account's events, and the identity that may write undelivered ones."""

    def __init__(
        self, name: str, props: TopicProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:Topic", name, None, opts)
        self.topic = eventgrid.SystemTopic(
            "topic",
            system_topic_name=props.names.topic,
            resource_group_name=props.where.resource_group_name,
            location=props.where.location,
            source=props.storage.work.id,
            topic_type="Microsoft.Storage.StorageAccounts",
            identity=eventgrid.IdentityInfoArgs(type=eventgrid.IdentityType.SYSTEM_ASSIGNED),
            tags=props.where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.principal_id = self.topic.identity.apply(_principal)
        self.register_outputs({})


@dataclass(frozen=True)
class SubscriptionProps:
    """What the subscription depends on: all of it must exist, and the code must run."""

    where: Placement
    storage: Storage
    topic: Topic
    app: web.WebApp
    published: PublishedPackage


class Subscription(pulumi.ComponentResource):
    """The subscription that feeds the blob trigger.

    Its address holds a key that the running app has made, so it is read after the package has
    been published, kept as a secret in the stack's state, and never shown.
    """

    def __init__(
        self, name: str, props: SubscriptionProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:Subscription", name, None, opts)
        keys = web.list_web_app_host_keys_output(
            name=props.app.name,
            resource_group_name=props.where.resource_group_name,
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[props.published]),
        )
        self.subscription = eventgrid.SystemTopicEventSubscription(
            "inbox-events",
            event_subscription_name="inbox",
            system_topic_name=props.topic.topic.name,
            resource_group_name=props.where.resource_group_name,
            event_delivery_schema=eventgrid.EventDeliverySchema.EVENT_GRID_SCHEMA,
            destination=eventgrid.WebHookEventSubscriptionDestinationArgs(
                endpoint_type="WebHook",
                endpoint_url=pulumi.Output.secret(
                    pulumi.Output.concat(
                        "https://",
                        props.app.default_host_name,
                        f"/runtime/webhooks/blobs?functionName=Host.Functions.{INBOX_FUNCTION}",
                        "&code=",
                        keys.system_keys.apply(webhook_key),
                    )
                ),
                max_events_per_batch=1,
                preferred_batch_size_in_kilobytes=64,
            ),
            filter=eventgrid.EventSubscriptionFilterArgs(
                included_event_types=[BLOB_CREATED],
                subject_begins_with=INBOX_SUBJECT,
                is_subject_case_sensitive=True,
            ),
            retry_policy=eventgrid.RetryPolicyArgs(
                max_delivery_attempts=ATTEMPTS_MAX,
                event_time_to_live_in_minutes=MINUTES_TO_LIVE,
            ),
            dead_letter_with_resource_identity=eventgrid.DeadLetterWithResourceIdentityArgs(
                identity=eventgrid.EventSubscriptionIdentityArgs(
                    type=eventgrid.EventSubscriptionIdentityType.SYSTEM_ASSIGNED
                ),
                dead_letter_destination=eventgrid.StorageBlobDeadLetterDestinationArgs(
                    endpoint_type="StorageBlob",
                    resource_id=props.storage.work.id,
                    blob_container_name=props.storage.containers[
                        PlatformContainer.UNDELIVERED
                    ].name,
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[props.published]),
        )
        self.register_outputs({})


class HostNotReadyError(Exception):
    """The app runs but has not made the key that its webhook is called with."""


def webhook_key(system_keys: dict[str, str] | None) -> str:
    """Pick the blob extension's key; HostNotReadyError where the app has none."""
    key = (system_keys or {}).get(WEBHOOK_KEY)
    if not key:
        raise HostNotReadyError(
            f"The function app has no system key {WEBHOOK_KEY}, so its blob trigger has not"
            " started. Look at the app's log stream, then run `pulumi up` again."
        )
    return key


def _principal(identity: eventgrid.outputs.IdentityInfoResponse | None) -> str:
    return identity.principal_id or "" if identity else ""
