"""The types of resources that the local cloud knows; every other type is refused by name.

For each: where its id lies, what it cannot do without, what cannot change while it exists (a
change of that makes the engine replace the resource), and what Azure adds of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

DIRECTORY: Final = "00000000-0000-4000-8000-00000000d1ec"
SUBSCRIPTION: Final = "00000000-0000-4000-8000-0000000050b5"
PREFIX: Final = "azure-native:"

Values = Mapping[str, Any]


def stable_id(seed: str) -> str:
    """Give an id that Azure would invent: the same for the same resource."""
    return str(uuid5(NAMESPACE_URL, seed))


OPERATOR: Final = stable_id("operator")
"""Object id of whoever deploys."""

Computed = Callable[[str, Values], dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """One type of resource; ``path`` is filled with its inputs."""

    path: str
    required: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    computed: Computed = lambda _id, _inputs: {}
    told_later: tuple[str, ...] = ()  # inputs that come back in another shape

    def id(self, inputs: Values) -> str:
        """Id of the resource that these inputs describe."""
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
        return self.path.format(group=group, **inputs)


def _account(_id: str, inputs: Values) -> dict[str, Any]:
    name = inputs["accountName"]
    services = ("blob", "queue", "table", "file", "dfs", "web")
    return {
        "primaryEndpoints": {
            service: f"https://{name}.{service}.core.windows.net/" for service in services
        }
    }


def _vault(_id: str, inputs: Values) -> dict[str, Any]:
    address = f"https://{inputs['vaultName']}.vault.azure.net/"
    return {"properties": {**inputs["properties"], "vaultUri": address}}


def _identity(resource_id: str, _inputs: Values) -> dict[str, Any]:
    return {
        "principalId": stable_id(f"{resource_id}/principal"),
        "clientId": stable_id(f"{resource_id}/client"),
        "tenantId": DIRECTORY,
    }


def _insights(resource_id: str, _inputs: Values) -> dict[str, Any]:
    key = stable_id(f"{resource_id}/instrumentation")
    return {
        "instrumentationKey": key,
        "connectionString": f"InstrumentationKey={key};IngestionEndpoint=https://telemetry.example/",
    }


def _topic(resource_id: str, inputs: Values) -> dict[str, Any]:
    principal = stable_id(f"{resource_id}/principal")
    return {"identity": {**inputs["identity"], "principalId": principal, "tenantId": DIRECTORY}}


def _site(resource_id: str, inputs: Values) -> dict[str, Any]:
    name = inputs["name"]
    # Identities go in as a list and come out as a map.
    identities = {
        identity: {
            "principalId": stable_id(f"{identity}/principal"),
            "clientId": stable_id(f"{identity}/client"),
        }
        for identity in inputs["identity"]["userAssignedIdentities"]
    }
    return {
        "identity": {**inputs["identity"], "userAssignedIdentities": identities},
        "defaultHostName": f"{name}.azurewebsites.net",
        "hostNameSslStates": [
            {"name": f"{name}.azurewebsites.net", "hostType": "Standard"},
            {"name": f"{name}.scm.azurewebsites.net", "hostType": "Repository"},
        ],
        "customDomainVerificationId": stable_id(f"{resource_id}/domain"),
    }


_IN_GROUP: Final = ("resourceGroupName",)
_PLACED: Final = (*_IN_GROUP, "location")
_STORAGE: Final = "{group}/{resourceGroupName}/providers/Microsoft.Storage/storageAccounts/"
_NETWORK: Final = "{group}/{resourceGroupName}/providers/Microsoft.Network/"
_EVENTS: Final = "{group}/{resourceGroupName}/providers/Microsoft.EventGrid/systemTopics/"
_WEB: Final = "{group}/{resourceGroupName}/providers/Microsoft.Web/"


def _below_account(path: str, *more: str) -> Kind:
    fixed = (*_IN_GROUP, "accountName", *more)
    return Kind(f"{_STORAGE}{{accountName}}/{path}", fixed, fixed)


KINDS: Final[dict[str, Kind]] = {
    "applicationinsights:Component": Kind(
        "{group}/{resourceGroupName}/providers/Microsoft.Insights/components/{resourceName}",
        (*_PLACED, "kind", "applicationType", "workspaceResourceId"),
        (*_PLACED, "resourceName"),
        _insights,
    ),
    "authorization:RoleAssignment": Kind(
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
        ("scope", "principalId", "principalType", "roleDefinitionId", "roleAssignmentName"),
        ("scope", "principalId", "principalType", "roleDefinitionId", "roleAssignmentName"),
    ),
    "authorization:RoleDefinition": Kind(
        f"/subscriptions/{SUBSCRIPTION}"
        "/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}",
        ("scope", "roleDefinitionId", "roleName", "permissions", "assignableScopes"),
        ("scope", "roleDefinitionId"),
        lambda _id, inputs: {"name": inputs["roleDefinitionId"]},
    ),
    "consumption:Budget": Kind(
        "{scope}/providers/Microsoft.Consumption/budgets/{budgetName}",
        ("scope", "amount", "category", "timeGrain", "timePeriod"),
        ("scope", "budgetName"),
    ),
    "eventgrid:SystemTopic": Kind(
        f"{_EVENTS}{{systemTopicName}}",
        (*_PLACED, "source", "topicType", "identity"),
        (*_PLACED, "systemTopicName", "source", "topicType"),
        _topic,
    ),
    "eventgrid:SystemTopicEventSubscription": Kind(
        f"{_EVENTS}{{systemTopicName}}/eventSubscriptions/{{eventSubscriptionName}}",
        (*_IN_GROUP, "systemTopicName", "destination", "filter", "retryPolicy"),
        (*_IN_GROUP, "systemTopicName", "eventSubscriptionName"),
    ),
    "keyvault:Key": Kind(
        "{group}/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}/keys/{keyName}",
        (*_IN_GROUP, "vaultName", "properties"),
        (*_IN_GROUP, "vaultName", "keyName", "properties.kty", "properties.keySize"),
    ),
    "keyvault:Vault": Kind(
        "{group}/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}",
        (*_PLACED, "properties"),
        (*_PLACED, "vaultName", "properties.tenantId"),
        _vault,
    ),
    "managedidentity:UserAssignedIdentity": Kind(
        "{group}/{resourceGroupName}/providers"
        "/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}",
        _PLACED,
        (*_PLACED, "resourceName"),
        _identity,
    ),
    "monitor:ActionGroup": Kind(
        "{group}/{resourceGroupName}/providers/Microsoft.Insights/actionGroups/{actionGroupName}",
        (*_IN_GROUP, "groupShortName", "enabled"),
        (*_IN_GROUP, "actionGroupName"),
    ),
    "monitor:DiagnosticSetting": Kind(
        "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
        ("resourceUri", "workspaceId"),
        ("resourceUri", "name"),
    ),
    "monitor:ScheduledQueryRule": Kind(
        "{group}/{resourceGroupName}/providers/Microsoft.Insights/scheduledQueryRules/{ruleName}",
        (*_PLACED, "scopes", "criteria"),
        (*_PLACED, "ruleName"),
    ),
    "network:PrivateDnsZoneGroup": Kind(
        f"{_NETWORK}privateEndpoints/{{privateEndpointName}}"
        "/privateDnsZoneGroups/{privateDnsZoneGroupName}",
        (*_IN_GROUP, "privateEndpointName", "privateDnsZoneConfigs"),
        (*_IN_GROUP, "privateEndpointName", "privateDnsZoneGroupName"),
    ),
    "network:PrivateEndpoint": Kind(
        f"{_NETWORK}privateEndpoints/{{privateEndpointName}}",
        (*_PLACED, "subnet", "privateLinkServiceConnections"),
        (*_PLACED, "privateEndpointName", "subnet"),
    ),
    "network:Subnet": Kind(
        f"{_NETWORK}virtualNetworks/{{virtualNetworkName}}/subnets/{{subnetName}}",
        (*_IN_GROUP, "virtualNetworkName", "addressPrefix"),
        (*_IN_GROUP, "virtualNetworkName", "subnetName"),
    ),
    "network:VirtualNetwork": Kind(
        f"{_NETWORK}virtualNetworks/{{virtualNetworkName}}",
        (*_PLACED, "addressSpace"),
        (*_PLACED, "virtualNetworkName"),
    ),
    "operationalinsights:Workspace": Kind(
        "{group}/{resourceGroupName}/providers"
        "/Microsoft.OperationalInsights/workspaces/{workspaceName}",
        (*_PLACED, "sku"),
        (*_PLACED, "workspaceName"),
    ),
    "privatedns:PrivateZone": Kind(
        f"{_NETWORK}privateDnsZones/{{privateZoneName}}",
        _PLACED,
        (*_IN_GROUP, "privateZoneName"),
    ),
    "privatedns:VirtualNetworkLink": Kind(
        f"{_NETWORK}privateDnsZones/{{privateZoneName}}"
        "/virtualNetworkLinks/{virtualNetworkLinkName}",
        (*_PLACED, "privateZoneName", "virtualNetwork"),
        (*_IN_GROUP, "privateZoneName", "virtualNetworkLinkName", "virtualNetwork"),
    ),
    "resources:ResourceGroup": Kind(
        "{group}/{resourceGroupName}", ("location",), ("location", "resourceGroupName")
    ),
    "storage:BlobContainer": _below_account(
        "blobServices/default/containers/{containerName}", "containerName"
    ),
    "storage:BlobContainerImmutabilityPolicy": _below_account(
        "blobServices/default/containers/{containerName}/immutabilityPolicies/default",
        "containerName",
    ),
    "storage:BlobServiceProperties": _below_account("blobServices/default", "blobServicesName"),
    "storage:ManagementPolicy": _below_account("managementPolicies/default"),
    "storage:Queue": _below_account("queueServices/default/queues/{queueName}", "queueName"),
    "storage:StorageAccount": Kind(
        f"{_STORAGE}{{accountName}}",
        (*_PLACED, "kind", "sku"),
        (*_PLACED, "accountName", "encryption.requireInfrastructureEncryption"),
        _account,
    ),
    "storage:Table": _below_account("tableServices/default/tables/{tableName}", "tableName"),
    "web:AppServicePlan": Kind(
        f"{_WEB}serverfarms/{{name}}", (*_PLACED, "sku"), (*_PLACED, "name", "reserved")
    ),
    "web:WebApp": Kind(
        f"{_WEB}sites/{{name}}",
        (*_PLACED, "kind", "serverFarmId", "functionAppConfig", "identity"),
        (*_PLACED, "name", "kind"),
        _site,
        told_later=("identity",),
    ),
    "web:WebAppFtpAllowed": Kind(
        f"{_WEB}sites/{{name}}/basicPublishingCredentialsPolicies/ftp",
        (*_IN_GROUP, "name", "allow"),
        (*_IN_GROUP, "name"),
    ),
    "web:WebAppScmAllowed": Kind(
        f"{_WEB}sites/{{name}}/basicPublishingCredentialsPolicies/scm",
        (*_IN_GROUP, "name", "allow"),
        (*_IN_GROUP, "name"),
    ),
}
