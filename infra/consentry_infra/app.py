"""The function app on Flex Consumption, and every setting it gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import managedidentity, storage, web

from consentry.azure.names import WORK_CONNECTION
from consentry.limits import MEBIBYTE, PICTURE_BYTES_MAX
from consentry_infra.config import Retention, StackConfig, Tokens
from consentry_infra.naming import Names
from consentry_infra.network import PrivateNetwork
from consentry_infra.secure import Placement
from consentry_infra.storage import PlatformContainer, Storage
from consentry_infra.telemetry import Telemetry
from consentry_infra.vault import Vault

PYTHON_VERSION: Final = "3.13"
LAYER_FOLDER: Final = "layer"  # in the package, beside function_app.py, where the worker runs
HOST_STORAGE: Final = "AzureWebJobsStorage"
EVENTS_TAG: Final = "AzureEventGrid"
# The host's own default is 100 MiB, held in memory before anybody is asked who they are.
REQUEST_BYTES_MAX: Final = PICTURE_BYTES_MAX + MEBIBYTE


@dataclass(frozen=True)
class AppProps:
    """What the app depends on; ``ready`` is what must exist before it starts."""

    names: Names
    where: Placement
    config: StackConfig
    identity: managedidentity.UserAssignedIdentity
    storage: Storage
    vault: Vault
    telemetry: Telemetry
    network: PrivateNetwork | None
    ready: list[pulumi.Resource]


class App(pulumi.ComponentResource):
    """The plan, the app, and the closed doors of password sign-in."""

    def __init__(
        self, name: str, props: AppProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:App", name, None, opts)
        where = props.where
        plan = web.AppServicePlan(
            "plan",
            name=props.names.plan,
            resource_group_name=where.resource_group_name,
            location=where.location,
            kind="functionapp",
            reserved=True,  # Linux
            sku=web.SkuDescriptionArgs(name="FC1", tier="FlexConsumption"),
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.app = web.WebApp(
            "app",
            name=props.names.app,
            resource_group_name=where.resource_group_name,
            location=where.location,
            kind="functionapp,linux",
            server_farm_id=plan.id,
            https_only=True,
            # Event Grid delivers over the public endpoint only; the rules below let it in.
            public_network_access="Enabled",
            virtual_network_subnet_id=props.network.app_subnet.id if props.network else None,
            identity=web.ManagedServiceIdentityArgs(
                type=web.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[props.identity.id],
            ),
            function_app_config=_function_app_config(props),
            site_config=_site_config(props),
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=props.ready),
        )
        self.deployment_host = self.app.host_name_ssl_states.apply(_deployment_host)
        self.doors: list[pulumi.Resource] = [
            policy(
                logical,
                name=self.app.name,
                resource_group_name=where.resource_group_name,
                allow=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for logical, policy in (
                ("no-passwords-scm", web.WebAppScmAllowed),
                ("no-passwords-ftp", web.WebAppFtpAllowed),
            )
        ]
        self.register_outputs({})


def _token_settings(authority: str, tokens: Tokens) -> dict[str, str]:
    return {
        "CONSENTRY_AUTHORITY": authority,
        "CONSENTRY_AUDIENCE": str(tokens.audience or ""),
        "CONSENTRY_OPERATOR_DIRECTORY": str(tokens.operator or ""),
        "CONSENTRY_TENANT_DIRECTORIES": ",".join(
            f"{tenant}={directory}" for tenant, directory in tokens.tenants.items()
        ),
    }


def _retention_settings(retention: Retention) -> dict[str, str]:
    return {
        "CONSENTRY_INBOX_DAYS": str(retention.inbox_days),
        "CONSENTRY_REDACTED_DAYS": str(retention.redacted_days),
        "CONSENTRY_QUARANTINE_DAYS": str(retention.quarantine_days),
        "CONSENTRY_MANIFESTS_DAYS": str(retention.manifests_days),
        "CONSENTRY_TENANT_RETENTION": ",".join(
            f"{tenant}.{container}={days}"
            for tenant, exceptions in retention.tenants.items()
            for container, days in exceptions.items()
        ),
    }


def app_settings(props: AppProps) -> dict[str, pulumi.Input[str]]:
    """Every setting of the app: no secret, no key, only names, addresses and choices."""
    work = props.storage.work.primary_endpoints
    evidence = props.storage.evidence.primary_endpoints
    client_id = props.identity.client_id
    service = props.config.service
    settings: dict[str, pulumi.Input[str]] = {
        "CONSENTRY_ENVIRONMENT": "production",
        "CONSENTRY_TENANTS": ",".join(props.config.tenants),
        "CONSENTRY_JURISDICTION": props.config.jurisdiction,
        "CONSENTRY_CONTACT": props.config.contacts[0],
        "CONSENTRY_WORK_BLOB_ENDPOINT": work.apply(lambda found: found.blob),
        "CONSENTRY_WORK_TABLE_ENDPOINT": work.apply(lambda found: found.table),
        "CONSENTRY_WORK_QUEUE_ENDPOINT": work.apply(lambda found: found.queue),
        "CONSENTRY_AUDIT_BLOB_ENDPOINT": evidence.apply(lambda found: found.blob),
        "CONSENTRY_IDENTITY_CLIENT_ID": client_id,
        "CONSENTRY_VAULT_URL": props.vault.vault.properties.apply(
            lambda found: found.vault_uri or ""
        ),
        **_token_settings(props.config.authority, props.config.tokens),
        **_retention_settings(props.config.retention),
        "CONSENTRY_LAYER": LAYER_FOLDER,
        "CONSENTRY_URL_HOSTS": ",".join(service.url_hosts),
        "CONSENTRY_CALLBACK_HOSTS": ",".join(service.callback_hosts),
        "CONSENTRY_HOSTNAME": service.hostname,
        "CONSENTRY_KEEP_ORIGINALS": ",".join(service.keep_originals),
        "CONSENTRY_MASK_KIND": service.mask_kind,
        "CONSENTRY_MASK_SHAPE": service.mask_shape,
        "CONSENTRY_PIECE_SECONDS": str(service.piece_seconds),
        "CONSENTRY_THREADS": str(props.config.capacity.threads),
        # Otherwise derived from the app's name by a rule of the platform; queues are named by it.
        "AzureFunctionsWebHost__hostid": props.names.host_id,
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(REQUEST_BYTES_MAX),
        "APPLICATIONINSIGHTS_CONNECTION_STRING": props.telemetry.insights.connection_string,
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": pulumi.Output.concat(
            "ClientId=", client_id, ";Authorization=AAD"
        ),
    }
    for connection in (HOST_STORAGE, WORK_CONNECTION):
        settings |= {
            f"{connection}__blobServiceUri": work.apply(lambda found: found.blob),
            f"{connection}__queueServiceUri": work.apply(lambda found: found.queue),
            f"{connection}__credential": "managedidentity",
            f"{connection}__clientId": client_id,
        }
    return settings


def _function_app_config(props: AppProps) -> web.FunctionAppConfigArgs:
    capacity = props.config.capacity
    always_ready = (
        ("http", capacity.always_ready_http),
        ("blob", capacity.always_ready_uploads),
    )
    return web.FunctionAppConfigArgs(
        deployment=web.FunctionsDeploymentArgs(
            storage=web.FunctionsDeploymentStorageArgs(
                type=web.FunctionsDeploymentStorageType.BLOB_CONTAINER,
                value=_address(props.storage.work, PlatformContainer.DEPLOYMENT),
                authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                    type=web.AuthenticationType.USER_ASSIGNED_IDENTITY,
                    user_assigned_identity_resource_id=props.identity.id,
                ),
            )
        ),
        runtime=web.FunctionsRuntimeArgs(name=web.RuntimeName.PYTHON, version=PYTHON_VERSION),
        scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
            instance_memory_mb=capacity.memory_mb,
            maximum_instance_count=capacity.instances_max,
            always_ready=[
                web.FunctionsAlwaysReadyConfigArgs(name=group, instance_count=count)
                for group, count in always_ready
                if count
            ],
            triggers=web.FunctionsScaleAndConcurrencyTriggersArgs(
                http=web.FunctionsScaleAndConcurrencyTriggersHttpArgs(
                    per_instance_concurrency=capacity.concurrent_requests
                )
            ),
        ),
    )


def _site_config(props: AppProps) -> web.SiteConfigArgs:
    restricted = props.where.network.private
    return web.SiteConfigArgs(
        app_settings=[
            web.NameValuePairArgs(name=name, value=value)
            for name, value in sorted(app_settings(props).items())
        ],
        min_tls_version=web.SupportedTlsVersions.SUPPORTED_TLS_VERSIONS_1_2,
        scm_min_tls_version=web.SupportedTlsVersions.SUPPORTED_TLS_VERSIONS_1_2,
        cors=web.CorsSettingsArgs(allowed_origins=[], support_credentials=False),
        ip_security_restrictions_default_action=web.DefaultAction.DENY
        if restricted
        else web.DefaultAction.ALLOW,
        ip_security_restrictions=_doors(props, with_events=True),
        scm_ip_security_restrictions_default_action=web.DefaultAction.DENY
        if restricted
        else web.DefaultAction.ALLOW,
        scm_ip_security_restrictions=_doors(props, with_events=False),
    )


def _doors(props: AppProps, *, with_events: bool) -> list[web.IpSecurityRestrictionArgs]:
    """Who may come in over the public endpoint when the network is private."""
    network = props.where.network
    if not network.private:
        return []
    doors = [
        web.IpSecurityRestrictionArgs(
            name=f"client-{number}", priority=200 + number, action="Allow", ip_address=str(client)
        )
        for number, client in enumerate(network.clients)
    ]
    if with_events:
        doors.append(
            web.IpSecurityRestrictionArgs(
                name="events",
                priority=100,
                action="Allow",
                tag=web.IpFilterTag.SERVICE_TAG,
                ip_address=EVENTS_TAG,
            )
        )
    return doors


def _address(account: storage.StorageAccount, container: str) -> pulumi.Output[str]:
    """Address of a container; the account's own endpoint ends in a slash."""
    return account.primary_endpoints.apply(lambda found: f"{found.blob}{container}")


def _deployment_host(states: Sequence[web.outputs.HostNameSslStateResponse] | None) -> str:
    """Name of the host that takes packages, among those that the app answers to."""
    return next((s.name or "" for s in states or [] if s.host_type == "Repository"), "")
