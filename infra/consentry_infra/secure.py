"""Storage accounts and vaults with their safe settings; nobody calls the raw classes.

What is fixed here has no switch: TLS 1.2, identity only, nothing public, double encryption,
deletions in the vault that can be undone. A test finds raw calls elsewhere.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import keyvault, storage

from consentry_infra.config import Network, Replication
from consentry_infra.config import Vault as VaultConfig

PURGE_PROTECTED_DAYS: Final = 90


@dataclass(frozen=True)
class Placement:
    """Where a resource goes and what it is labelled with."""

    resource_group_name: pulumi.Input[str]
    location: str
    tags: dict[str, str]
    network: Network
    protect: bool

    def stateful(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of whatever holds data: the engine refuses to delete or replace it."""
        return pulumi.ResourceOptions(parent=parent, protect=self.protect)


def public_access(network: Network) -> str:
    """Whether a service has a public endpoint at all: only for named clients, if private."""
    return "Disabled" if network.private and not network.clients else "Enabled"


def storage_account(
    logical: str,
    account_name: str,
    replication: Replication,
    where: Placement,
    parent: pulumi.Resource,
) -> storage.StorageAccount:
    """Make a storage account that only identities open, from the networks that are allowed."""
    private = where.network.private
    return storage.StorageAccount(
        logical,
        account_name=account_name,
        resource_group_name=where.resource_group_name,
        location=where.location,
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(name=f"Standard_{replication}"),
        access_tier=storage.AccessTier.HOT,
        minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
        enable_https_traffic_only=True,
        allow_shared_key_access=False,
        default_to_o_auth_authentication=True,
        allow_blob_public_access=False,
        allow_cross_tenant_replication=False,
        allowed_copy_scope=storage.AllowedCopyScope.AAD,
        is_local_user_enabled=False,
        is_sftp_enabled=False,
        public_network_access=public_access(where.network),
        network_rule_set=storage.NetworkRuleSetArgs(
            # Event Grid writes undelivered events as a trusted service, by its identity.
            bypass=storage.Bypass.AZURE_SERVICES,
            default_action=storage.DefaultAction.DENY if private else storage.DefaultAction.ALLOW,
            ip_rules=[
                storage.IPRuleArgs(i_p_address_or_range=_range(net), action=storage.Action.ALLOW)
                for net in where.network.clients
            ],
        ),
        encryption=storage.EncryptionArgs(
            key_source=storage.KeySource.MICROSOFT_STORAGE,
            require_infrastructure_encryption=True,
            services=storage.EncryptionServicesArgs(
                blob=_encrypted(), file=_encrypted(), queue=_encrypted(), table=_encrypted()
            ),
        ),
        tags=where.tags,
        opts=where.stateful(parent),
    )


def container(
    logical: str,
    name: str,
    account: storage.StorageAccount,
    where: Placement,
    parent: pulumi.Resource,
) -> storage.BlobContainer:
    """Make a container that nobody reads without a role."""
    return storage.BlobContainer(
        logical,
        container_name=name,
        account_name=account.name,
        resource_group_name=where.resource_group_name,
        public_access=storage.PublicAccess.NONE,
        opts=where.stateful(parent),
    )


def vault(
    logical: str,
    vault_name: str,
    directory_id: str,
    config: VaultConfig,
    where: Placement,
    parent: pulumi.Resource,
) -> keyvault.Vault:
    """Make a vault that is opened by roles only and never loses a key to a mistake."""
    private = where.network.private
    return keyvault.Vault(
        logical,
        vault_name=vault_name,
        resource_group_name=where.resource_group_name,
        location=where.location,
        properties=keyvault.VaultPropertiesArgs(
            tenant_id=directory_id,
            sku=keyvault.SkuArgs(
                family=keyvault.SkuFamily.A,
                name=keyvault.SkuName.PREMIUM if config.hsm else keyvault.SkuName.STANDARD,
            ),
            enable_rbac_authorization=True,
            enable_soft_delete=True,
            soft_delete_retention_in_days=PURGE_PROTECTED_DAYS,
            enable_purge_protection=True,
            enabled_for_deployment=False,
            enabled_for_disk_encryption=False,
            enabled_for_template_deployment=False,
            public_network_access=public_access(where.network),
            network_acls=keyvault.NetworkRuleSetArgs(
                bypass=keyvault.NetworkRuleBypassOptions.NONE,
                default_action=keyvault.NetworkRuleAction.DENY
                if private
                else keyvault.NetworkRuleAction.ALLOW,
                ip_rules=[keyvault.IPRuleArgs(value=_range(net)) for net in where.network.clients],
            ),
        ),
        tags=where.tags,
        opts=where.stateful(parent),
    )


def vault_key(
    logical: str,
    name: str,
    parts: keyvault.KeyPropertiesArgs,
    keys: keyvault.Vault,
    where: Placement,
    parent: pulumi.Resource,
) -> keyvault.Key:
    """Make a key; it can be rotated by policy, and its private part never leaves the vault."""
    return keyvault.Key(
        logical,
        key_name=name,
        vault_name=keys.name,
        resource_group_name=where.resource_group_name,
        properties=parts,
        tags=where.tags,
        opts=where.stateful(parent),
    )


def rotation(days: int) -> keyvault.RotationPolicyArgs:
    """A new version after so many days; older ones stay enabled and keep verifying."""
    return keyvault.RotationPolicyArgs(
        lifetime_actions=[
            keyvault.LifetimeActionArgs(
                action=keyvault.ActionArgs(type=keyvault.KeyRotationPolicyActionType.ROTATE),
                trigger=keyvault.TriggerArgs(time_after_create=f"P{days}D"),
            )
        ]
    )


def _range(network: object) -> str:
    """Azure's firewalls want a single address without its ``/32``."""
    return str(network).removesuffix("/32")


def _encrypted() -> storage.EncryptionServiceArgs:
    """Encryption whose key belongs to the account, which double encryption requires."""
    return storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT)
