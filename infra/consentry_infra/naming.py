"""Names of all Azure resources of a stack, and the limits that Azure sets to names.

Source of the limits: Microsoft's "Naming rules and restrictions for Azure resources", and "Resolve
errors for reserved resource names".
"""

import hashlib
import re
from base64 import b32encode
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from consentry_infra.config import ConfigError, check_stack_name

SUFFIX_CHARACTERS: Final = 6
_NAMESPACE: Final = UUID("6f0b9ad0-5d3a-4d11-9a5e-0d9b1c1f7f0e")

_WORDS: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_LOOSE: Final = r"[\w.-]*[\w]"
_GUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CONTAINER: Final = r"[a-z0-9](?:-?[a-z0-9])*"


# What has an address of its own may not be called by these words, begin with or contain some.
_RESERVED_ANYWHERE: Final = re.compile(r"microsoft|windows")
_RESERVED: Final = re.compile(
    r"access|app_(?:browsers|code|data|globalresources|localresources|themes|webreferences)|azure"
    r"|bing|bizspark|biztalk|cortana|directx|dotnet|dynamics|excel|exchange|forefront|groove"
    r"|hololens|hyperv|kinect|lync|msdn|o365|office|office365|onedrive|onenote|outlook|powerpoint"
    r"|sharepoint|skype|visio|visualstudio|web\.config|xbox|login.*"
)


@dataclass(frozen=True)
class Limit:
    """Length and alphabet of one kind of name; ``addressed``: it is part of a public address."""

    shortest: int
    longest: int
    pattern: str
    addressed: bool = False

    def allows(self, name: str) -> bool:
        """Tell whether Azure takes this name."""
        fits = self.shortest <= len(name) <= self.longest and re.fullmatch(self.pattern, name)
        return bool(fits) and not (self.addressed and _is_reserved(name.lower()))


def _is_reserved(name: str) -> bool:
    return bool(_RESERVED.fullmatch(name) or _RESERVED_ANYWHERE.search(name))


# The property that carries the name, and its limit, by type of resource.
NAME_LIMITS: Final[dict[str, tuple[str, Limit]]] = {
    "applicationinsights:Component": ("resourceName", Limit(1, 260, _LOOSE)),
    "authorization:RoleAssignment": ("roleAssignmentName", Limit(36, 36, _GUID)),
    "authorization:RoleDefinition": ("roleDefinitionId", Limit(36, 36, _GUID)),
    "consumption:Budget": ("budgetName", Limit(1, 63, _LOOSE)),
    "eventgrid:SystemTopic": ("systemTopicName", Limit(3, 50, _WORDS)),
    "eventgrid:SystemTopicEventSubscription": ("eventSubscriptionName", Limit(3, 64, _WORDS)),
    "keyvault:Key": ("keyName", Limit(1, 127, _WORDS)),
    "keyvault:Vault": ("vaultName", Limit(3, 24, r"[a-zA-Z](?:-?[a-zA-Z0-9])*", addressed=True)),
    "managedidentity:UserAssignedIdentity": (
        "resourceName",
        Limit(3, 128, r"[a-zA-Z0-9][\w-]*"),
    ),
    "monitor:ActionGroup": ("actionGroupName", Limit(1, 260, r"[^:<>+/&%\\?]*[^.\s]")),
    "monitor:DiagnosticSetting": ("name", Limit(1, 260, r"[^<>*%&:\\?+/]*[^.\s]")),
    "monitor:ScheduledQueryRule": ("ruleName", Limit(1, 260, r"[^*<>?#%&+:{}|\\/]*[^.\s]")),
    "network:PrivateDnsZoneGroup": ("privateDnsZoneGroupName", Limit(1, 80, _LOOSE)),
    "network:PrivateEndpoint": ("privateEndpointName", Limit(2, 64, _LOOSE)),
    "network:Subnet": ("subnetName", Limit(1, 80, _LOOSE)),
    "network:VirtualNetwork": ("virtualNetworkName", Limit(2, 64, _LOOSE)),
    "operationalinsights:Workspace": ("workspaceName", Limit(4, 63, _WORDS)),
    "privatedns:PrivateZone": ("privateZoneName", Limit(1, 63, r"[a-z0-9.-]+")),
    "privatedns:VirtualNetworkLink": ("virtualNetworkLinkName", Limit(1, 80, _LOOSE)),
    "resources:ResourceGroup": ("resourceGroupName", Limit(1, 90, r"[\w().-]*[\w()-]")),
    "storage:BlobContainer": ("containerName", Limit(3, 63, _CONTAINER)),
    "storage:Queue": ("queueName", Limit(3, 63, _CONTAINER)),
    "storage:StorageAccount": ("accountName", Limit(3, 24, r"[a-z0-9]+", addressed=True)),
    "storage:Table": ("tableName", Limit(3, 63, r"[a-zA-Z][a-zA-Z0-9]*")),
    "web:AppServicePlan": ("name", Limit(1, 60, _WORDS)),
    "web:WebApp": ("name", Limit(2, 60, _WORDS, addressed=True)),
}


class Names:
    """The names of one stack.

    Some are unique in all of Azure; a suffix derived from subscription and stack makes them so,
    and keeps them the same at every run. Raises ConfigError for an unusable stack name.
    """

    def __init__(self, stack: str, subscription_id: str) -> None:
        check_stack_name(stack)
        compact = stack.replace("-", "")
        if _RESERVED_ANYWHERE.search(compact):
            raise ConfigError("Azure takes no name with microsoft or windows in it.")
        self._seed = f"{subscription_id.lower()}/{stack}"
        digest = hashlib.sha256(self._seed.encode()).digest()
        suffix = b32encode(digest).decode().lower()[:SUFFIX_CHARACTERS]
        self.resource_group = f"rg-consentry-{stack}"
        self.identity = f"id-consentry-{stack}"
        self.work_account = f"cw{compact[:14]}{suffix}"
        self.evidence_account = f"ce{compact[:14]}{suffix}"
        self.vault = f"kv-{stack[:13].rstrip('-')}-{suffix}"
        self.plan = f"plan-consentry-{stack}"
        self.app = f"func-consentry-{stack}-{suffix}"
        self.host_id = f"{compact[:20]}{suffix}"
        self.workspace = f"log-consentry-{stack}"
        self.insights = f"appi-consentry-{stack}"
        self.alerts = f"ag-consentry-{stack}"
        self.topic = f"evgt-consentry-{stack}"
        self.network = f"vnet-consentry-{stack}"
        self.budget = f"budget-consentry-{stack}"

    def endpoint(self, service: str) -> str:
        """Name of the private endpoint of a service."""
        return f"pe-{service}"

    def guid(self, purpose: str) -> str:
        """Id that Azure wants for a role or its assignment: the same at every run."""
        return str(uuid5(_NAMESPACE, f"{self._seed}/{purpose}"))
