"""One tenant's stack: all components, in the order in which they need each other.

Roles are made before the app starts, since a host that cannot read its package does not recover
by itself. The package is published before the subscription, whose address holds a key that only
running code makes.
"""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_azure_native import managedidentity, resources

from consentry.azure.names import Container
from consentry_infra.access import grant_app, grant_people, grant_topic
from consentry_infra.alerts import Alerts, AlertsProps
from consentry_infra.app import App, AppProps
from consentry_infra.config import StackConfig
from consentry_infra.events import Subscription, SubscriptionProps, Topic, TopicProps
from consentry_infra.naming import Names
from consentry_infra.network import NetworkProps, Private, PrivateNetwork, Zone
from consentry_infra.publish import PublishedPackage
from consentry_infra.roles import APPENDER, Grants, Principal, PrincipalType
from consentry_infra.secure import Placement
from consentry_infra.storage import Storage, StorageProps
from consentry_infra.telemetry import DATA_LOGS, VAULT_LOGS, Telemetry, TelemetryProps
from consentry_infra.vault import Vault, VaultProps


@dataclass(frozen=True)
class Account:
    """The subscription and the directory that the engine is signed in to."""

    subscription_id: str
    directory_id: str


class Deployment:
    """Everything that one stack holds; ``outputs`` is what it tells, and never a key."""

    def __init__(self, stack: str, config: StackConfig, account: Account, root: Path) -> None:
        self._stack, self._config = stack, config
        self._names = Names(stack, account.subscription_id)
        self._tags = {
            **config.tags,
            "consentry-stack": stack,
            "consentry-tenants": ",".join(config.tenants),
        }
        self._group = resources.ResourceGroup(
            "group",
            resource_group_name=self._names.resource_group,
            location=config.location,
            tags=self._tags,
            opts=pulumi.ResourceOptions(protect=config.protect),
        )
        self._where = Placement(
            self._group.name, config.location, self._tags, config.network, config.protect
        )
        self._identity = managedidentity.UserAssignedIdentity(
            "identity",
            resource_name_=self._names.identity,
            resource_group_name=self._group.name,
            location=config.location,
            tags=self._tags,
        )
        names, where = self._names, self._where
        self._storage = Storage(
            "storage", StorageProps(names, where, config.retention, config.redundancy)
        )
        self._vault = Vault("vault", VaultProps(names, where, account.directory_id, config.vault))
        self._telemetry = Telemetry("telemetry", TelemetryProps(names, where, config.retention))
        self._topic = Topic("topic", TopicProps(names, where, self._storage))
        self._network = (
            PrivateNetwork("network", NetworkProps(names, where))
            if config.network.private
            else None
        )
        self._grants = Grants("grants", names, account.subscription_id)
        self._grant()
        self._watch()
        self._run(root)
        Alerts(
            "alerts",
            AlertsProps(
                names,
                where,
                self._group.id,
                config.contacts,
                config.budget,
                self._telemetry,
            ),
        )

    def _grant(self) -> None:
        self._grants.define(APPENDER, self._group.id, self._stack)
        grant_app(
            self._grants,
            Principal("app", self._identity.principal_id, PrincipalType.SERVICE),
            self._storage,
            self._vault,
            self._telemetry,
        )
        grant_topic(
            self._grants,
            Principal("topic", self._topic.principal_id, PrincipalType.SERVICE),
            self._storage,
        )
        grant_people(self._grants, self._config.people, self._storage)

    def _watch(self) -> None:
        """Who touched the data and the keys is logged by the platform, too."""
        self._telemetry.watch(
            {
                "work-blobs": (_service(self._storage.work.id, "blob"), DATA_LOGS),
                "work-tables": (_service(self._storage.work.id, "table"), DATA_LOGS),
                "work-queues": (_service(self._storage.work.id, "queue"), DATA_LOGS),
                "evidence-blobs": (_service(self._storage.evidence.id, "blob"), DATA_LOGS),
                "vault": (self._vault.vault.id, VAULT_LOGS),
            }
        )

    def _run(self, root: Path) -> None:
        """Make the app, publish the package, and only then let events come."""
        ready: list[pulumi.Resource] = [
            *self._grants.made,
            *self._storage.queues.values(),
            *self._storage.containers.values(),
            *self._storage.tables.values(),
            *self._storage.locks,
        ]
        if self._network:
            ready += self._network.connect(
                {
                    "work-blob": Private(self._storage.work.id, "blob", Zone.BLOB),
                    "work-queue": Private(self._storage.work.id, "queue", Zone.QUEUE),
                    "work-table": Private(self._storage.work.id, "table", Zone.TABLE),
                    "evidence-blob": Private(self._storage.evidence.id, "blob", Zone.BLOB),
                    "vault": Private(self._vault.vault.id, "vault", Zone.VAULT),
                }
            )
        self.app = App(
            "app",
            AppProps(
                self._names,
                self._where,
                self._config,
                self._identity,
                self._storage,
                self._vault,
                self._telemetry,
                self._network,
                ready,
            ),
        )
        site = self.app.app
        if self._network:
            self._network.connect({"app": Private(site.id, "sites", Zone.SITES)})
        published = PublishedPackage(
            "package",
            app_id=site.id,
            app_host=site.default_host_name,
            deployment_host=self.app.deployment_host,
            package=root / self._config.package,
            authority=self._config.authority,
            opts=pulumi.ResourceOptions(depends_on=self.app.doors),
        )
        Subscription(
            "subscription",
            SubscriptionProps(self._where, self._storage, self._topic, site, published),
        )

    @property
    def outputs(self) -> dict[str, pulumi.Output[str]]:
        """Addresses and ids by which the stack is used; never a key."""
        work = self._storage.work.primary_endpoints
        evidence = self._storage.evidence.primary_endpoints
        return {
            "endpoint": pulumi.Output.concat("https://", self.app.app.default_host_name),
            "inbox": work.apply(lambda found: f"{found.blob}{Container.INBOX}"),
            "redacted": work.apply(lambda found: f"{found.blob}{Container.REDACTED}"),
            "quarantine": work.apply(lambda found: f"{found.blob}{Container.QUARANTINE}"),
            "audit": evidence.apply(lambda found: f"{found.blob}{Container.AUDIT}"),
            "vault": self._vault.vault.properties.apply(lambda found: found.vault_uri or ""),
            "resource_group": self._group.name,
            "identity_client_id": self._identity.client_id,
            "identity_principal_id": self._identity.principal_id,
        }


def _service(account_id: pulumi.Output[str], service: str) -> pulumi.Output[str]:
    """Id of one service of a storage account, where its logs are set."""
    return pulumi.Output.concat(account_id, f"/{service}Services/default")
