"""Who may do what, each at the narrowest scope that Azure knows.

The whole list of rights of a stack: the deploying identity gives itself none.
"""

from consentry.azure.names import Container, KeyName, TableName
from consentry_infra.config import People
from consentry_infra.roles import APPENDER, Grants, Principal, PrincipalType, Role
from consentry_infra.storage import EVIDENCE, PlatformContainer, Storage
from consentry_infra.telemetry import Telemetry
from consentry_infra.vault import Vault


def grant_app(
    grants: Grants,
    app: Principal,
    storage: Storage,
    vault: Vault,
    telemetry: Telemetry,
) -> None:
    """Give the app what its functions and its host need."""
    for container in Container:
        blob_role = APPENDER if container in EVIDENCE else Role.BLOB_CONTRIBUTOR
        grants.give(app, blob_role, container, storage.containers[container].id)
    # The host leases, locks and creates in its own containers as their owner.
    for platform in (
        PlatformContainer.DEPLOYMENT,
        PlatformContainer.HOSTS,
        PlatformContainer.SECRETS,
    ):
        grants.give(app, Role.BLOB_OWNER, platform, storage.containers[platform].id)
    for table in TableName:
        grants.give(app, Role.TABLE_CONTRIBUTOR, table, storage.tables[table].id)
    for label, queue in storage.queues.items():
        grants.give(app, Role.QUEUE_CONTRIBUTOR, label, queue.id)
    # Addresses for uploads are signed by a key that Azure gives out per account only.
    grants.give(app, Role.BLOB_DELEGATOR, "work", storage.work.id)
    for key in (KeyName.SIGNING, KeyName.DECISIONS):
        grants.give(app, Role.CRYPTO_USER, key, vault.scope(key))
    grants.give(app, Role.CRYPTO_WRAPPER, KeyName.WRAPPING, vault.scope(KeyName.WRAPPING))
    grants.give(app, Role.METRICS_PUBLISHER, "insights", telemetry.insights.id)


def grant_topic(grants: Grants, topic: Principal, storage: Storage) -> None:
    """Let Event Grid keep what it could not deliver."""
    undelivered = PlatformContainer.UNDELIVERED
    grants.give(topic, Role.BLOB_CONTRIBUTOR, undelivered, storage.containers[undelivered].id)


def grant_people(grants: Grants, people: People, storage: Storage) -> None:
    """Let reviewers look at decisions, auditors read the log, and uploaders hand in and collect.

    Reviewers decide through the service, each with a token of their own.
    """
    reviewers = Principal("reviewers", str(people.reviewers), PrincipalType.GROUP)
    access = TableName.ACCESS
    grants.give(reviewers, Role.TABLE_READER, access, storage.tables[access].id)
    auditors = Principal("auditors", str(people.auditors), PrincipalType.GROUP)
    audit = Container.AUDIT
    grants.give(auditors, Role.BLOB_READER, audit, storage.containers[audit].id)
    if people.uploaders is not None:
        uploaders = Principal("uploaders", str(people.uploaders), PrincipalType.GROUP)
        inbox, redacted = Container.INBOX, Container.REDACTED
        grants.give(uploaders, Role.BLOB_CONTRIBUTOR, inbox, storage.containers[inbox].id)
        grants.give(uploaders, Role.BLOB_READER, redacted, storage.containers[redacted].id)
