"""The two storage accounts: work, where a deletion is final, and evidence, where nothing is lost.

A deletion receipt must be true, so the work account has neither versions nor soft delete. The
audit log must outlive mistakes and attackers, so evidence has both, and below them the
platform's own append-only lock (WORM).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pulumi
from pulumi_azure_native import storage

from consentry.azure.names import POISON_QUEUE, Container, QueueName, TableName
from consentry_infra.config import Redundancy, Retention
from consentry_infra.naming import Names
from consentry_infra.secure import Placement, container, storage_account

SOFT_DELETE_DAYS: Final = 30


PIECES_DAYS: Final = 2  # of videos in work; the service deletes them when their job ends
EVIDENCE: Final = (Container.AUDIT, Container.DECISIONS)
"""Containers of what nobody may change or take away; all others are for work."""


class PlatformContainer(StrEnum):
    """Containers that the platform uses; the service never touches them."""

    DEPLOYMENT = "deployment"
    HOSTS = "azure-webjobs-hosts"
    SECRETS = "azure-webjobs-secrets"
    UNDELIVERED = "undelivered"


def trigger_queue(host_id: str) -> str:
    """Queue in which the host keeps blob events until a function has taken them."""
    return f"azure-webjobs-blobtrigger-{host_id}"


@dataclass(frozen=True)
class StorageProps:
    """What the accounts depend on."""

    names: Names
    where: Placement
    retention: Retention
    redundancy: Redundancy


class Storage(pulumi.ComponentResource):
    """Both accounts with all that lies in them."""

    def __init__(
        self, name: str, props: StorageProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:Storage", name, None, opts)
        self._props = props
        where, names, days = props.where, props.names, props.retention
        self.work = storage_account("work", names.work_account, props.redundancy.work, where, self)
        self.evidence = storage_account(
            "evidence", names.evidence_account, props.redundancy.evidence, where, self
        )

        self.containers: dict[str, storage.BlobContainer] = {
            name: container(name, name, self.work, where, self)
            for name in (*Container, *PlatformContainer)
            if name not in EVIDENCE
        }
        for kept in EVIDENCE:
            self.containers[kept] = container(kept, kept, self.evidence, where, self)
        self.tables = {name: self._table(name) for name in TableName}
        self.queues = {
            logical: self._queue(logical, name)
            for logical, name in (
                ("blob-events", trigger_queue(names.host_id)),
                ("poison", POISON_QUEUE),
                ("video", QueueName.VIDEO),
                ("video-poison", QueueName.VIDEO.poison),
            )
        }
        self._forget_what_work_deletes()
        self._keep_what_evidence_holds()
        self.locks = [self._lock(kept, days.audit_locked_days) for kept in EVIDENCE]
        self._expire(
            "work",
            self.work,
            {
                Container.INBOX: days.longest("inbox"),
                Container.PIECES: PIECES_DAYS,
                Container.REDACTED: days.longest("redacted"),
                Container.QUARANTINE: days.longest("quarantine"),
                Container.MANIFESTS: days.longest("manifests"),
                Container.DELETIONS: days.deletions_days,
                PlatformContainer.UNDELIVERED: days.undelivered_days,
            },
        )
        self._expire("evidence", self.evidence, dict.fromkeys(EVIDENCE, days.audit_kept_days))
        self.register_outputs({})

    def _table(self, name: TableName) -> storage.Table:
        return storage.Table(
            f"table-{name}",
            table_name=name.value,
            account_name=self.work.name,
            resource_group_name=self._props.where.resource_group_name,
            opts=self._props.where.stateful(self),
        )

    def _queue(self, logical: str, name: str) -> storage.Queue:
        return storage.Queue(
            f"queue-{logical}",
            queue_name=name,
            account_name=self.work.name,
            resource_group_name=self._props.where.resource_group_name,
            opts=self._props.where.stateful(self),
        )

    def _forget_what_work_deletes(self) -> None:
        storage.BlobServiceProperties(
            "work-blobs",
            account_name=self.work.name,
            resource_group_name=self._props.where.resource_group_name,
            blob_services_name="default",
            is_versioning_enabled=False,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=False),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=False),
            change_feed=storage.ChangeFeedArgs(enabled=False),
            opts=self._props.where.stateful(self),
        )

    def _keep_what_evidence_holds(self) -> None:
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=SOFT_DELETE_DAYS)
        storage.BlobServiceProperties(
            "evidence-blobs",
            account_name=self.evidence.name,
            resource_group_name=self._props.where.resource_group_name,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=self._props.where.stateful(self),
        )

    def _lock(self, kept: Container, days: int) -> storage.BlobContainerImmutabilityPolicy:
        """Blobs cannot be changed or deleted for so many days; only blocks can be appended.

        The policy starts unlocked: it protects, but can still be removed. Locking it for good is
        a command of its own, never a side effect of a deployment.
        """
        return storage.BlobContainerImmutabilityPolicy(
            f"{kept}-lock",
            account_name=self.evidence.name,
            container_name=self.containers[kept].name,
            resource_group_name=self._props.where.resource_group_name,
            immutability_policy_name="default",
            immutability_period_since_creation_in_days=days,
            allow_protected_append_writes=True,
            opts=self._props.where.stateful(self),
        )

    def _expire(self, logical: str, account: storage.StorageAccount, days: dict[str, int]) -> None:
        storage.ManagementPolicy(
            f"{logical}-expiry",
            account_name=account.name,
            resource_group_name=self._props.where.resource_group_name,
            management_policy_name="default",
            policy=storage.ManagementPolicySchemaArgs(
                rules=[
                    _expiry_rule(name, age, versioned=account is self.evidence)
                    for name, age in days.items()
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _expiry_rule(name: str, days: int, *, versioned: bool) -> storage.ManagementPolicyRuleArgs:
    """Delete a container's blobs, and their versions where the account keeps any, by age."""
    versions = storage.ManagementPolicyVersionArgs(
        delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
    )
    return storage.ManagementPolicyRuleArgs(
        name=f"expire-{name}",
        enabled=True,
        type=storage.RuleType.LIFECYCLE,
        definition=storage.ManagementPolicyDefinitionArgs(
            filters=storage.ManagementPolicyFilterArgs(
                blob_types=["blockBlob", "appendBlob"], prefix_match=[f"{name}/"]
            ),
            actions=storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(
                    delete=storage.DateAfterModificationArgs(
                        days_after_modification_greater_than=days
                    )
                ),
                version=versions if versioned else None,
            ),
        ),
    )
