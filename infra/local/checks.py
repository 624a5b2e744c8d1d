"""What Azure would refuse: names, missing properties, settings that the plan does not take."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from consentry_infra.config import TAG_VALUE_CHARACTERS_MAX
from consentry_infra.naming import NAME_LIMITS
from local.kinds import KINDS, PREFIX, Values

# Microsoft's guide for moving to Flex Consumption lists these as not to be set.
FLEX_REFUSES: Final = frozenset(
    {
        "ENABLE_ORYX_BUILD",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_MAX_HTTP_CONCURRENCY",
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_WORKER_RUNTIME_VERSION",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_VNET_ROUTE_ALL",
    }
)
TAGS_MAX: Final = 50
WORM_DAYS_MAX: Final = 146_000


# Values that Azure's interface takes, of the properties that this program sets.
CHOICES: Final[dict[str, dict[str, frozenset[Any]]]] = {
    "keyvault:Key": {
        "properties.kty": frozenset({"EC", "EC-HSM", "RSA", "RSA-HSM"}),
        "properties.curveName": frozenset({"P-256", "P-256K", "P-384", "P-521"}),
        "properties.keySize": frozenset({2048, 3072, 4096}),
    },
    "keyvault:Vault": {"properties.sku.name": frozenset({"standard", "premium"})},
    "authorization:RoleAssignment": {
        "principalType": frozenset({"User", "Group", "ServicePrincipal", "Device"})
    },
    "eventgrid:SystemTopicEventSubscription": {
        "eventDeliverySchema": frozenset({"EventGridSchema", "CloudEventSchemaV1_0"}),
    },
    "monitor:ScheduledQueryRule": {"severity": frozenset(range(5))},
    "storage:BlobContainer": {"publicAccess": frozenset({"None", "Blob", "Container"})},
    "storage:StorageAccount": {
        "kind": frozenset({"StorageV2", "BlobStorage", "BlockBlobStorage", "FileStorage"}),
        "minimumTlsVersion": frozenset({"TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"}),
        "networkRuleSet.defaultAction": frozenset({"Allow", "Deny"}),
        "publicNetworkAccess": frozenset({"Enabled", "Disabled", "SecuredByPerimeter"}),
        "sku.name": frozenset(
            {
                *(f"Standard_{kind}" for kind in ("LRS", "ZRS", "GRS", "GZRS", "RAGRS", "RAGZRS")),
                "Premium_LRS",
                "Premium_ZRS",
            }
        ),
    },
    "web:WebApp": {
        "functionAppConfig.runtime.name": frozenset(
            {"dotnet-isolated", "node", "java", "powershell", "python", "custom"}
        ),
        "functionAppConfig.scaleAndConcurrency.instanceMemoryMB": frozenset({512, 2048, 4096}),
        "siteConfig.minTlsVersion": frozenset({"1.0", "1.1", "1.2", "1.3"}),
    },
}
# Event Grid's limits.
ATTEMPTS_MAX: Final = 30
MINUTES_TO_LIVE_MAX: Final = 1440


class Unknown:
    """A value that only a deployment will tell, met in a preview."""


def problems(token: str, inputs: Values) -> list[str]:
    """All reasons why Azure would refuse this resource; none means that it would be taken."""
    kind = token.removeprefix(PREFIX)
    if kind not in KINDS:
        return [f"the local cloud does not know the type {token}"]
    found = [
        f"{kind}: the property {name} is required"
        for name in KINDS[kind].required
        if inputs.get(name) is None
    ]
    if found:
        return found
    return [
        *_name(kind, inputs),
        *_choices(kind, inputs),
        *_tags(kind, inputs),
        *_rules(kind, inputs),
    ]


def _name(kind: str, inputs: Values) -> Iterator[str]:
    if kind not in NAME_LIMITS:
        return
    prop, limit = NAME_LIMITS[kind]
    name = inputs.get(prop)
    if isinstance(name, Unknown):
        return
    if not isinstance(name, str) or not limit.allows(name):
        size = f"{limit.shortest} to {limit.longest}"
        yield f"{kind}: {prop} {name!r} is not {size} characters of {limit.pattern}"


def _choices(kind: str, inputs: Values) -> Iterator[str]:
    for path, allowed in CHOICES.get(kind, {}).items():
        value: Any = inputs
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and not isinstance(value, Unknown) and value not in allowed:
            yield f"{kind}: {path} {value!r} is none of {sorted(map(str, allowed))}"


def _tags(kind: str, inputs: Values) -> Iterator[str]:
    tags = inputs.get("tags") or {}
    if len(tags) > TAGS_MAX:
        yield f"{kind}: more than {TAGS_MAX} tags"
    for name, value in tags.items():
        if isinstance(value, str) and len(value) > TAG_VALUE_CHARACTERS_MAX:
            yield f"{kind}: the tag {name} is too long"


def _app(inputs: Values) -> Iterator[str]:
    names = {setting["name"] for setting in _settings(inputs)}
    for name in sorted(names & FLEX_REFUSES):
        yield f"Flex Consumption refuses the setting {name}"
    if len(names) != len(_settings(inputs)):
        yield "a setting is there twice"


def _immutability(inputs: Values) -> Iterator[str]:
    days = inputs.get("immutabilityPeriodSinceCreationInDays")
    if not isinstance(days, Unknown) and not 1 <= (days or 0) <= WORM_DAYS_MAX:
        yield f"the period is 1 to {WORM_DAYS_MAX} days"


def _vault(inputs: Values) -> Iterator[str]:
    days = inputs["properties"].get("softDeleteRetentionInDays", 90)
    if not 7 <= days <= 90:
        yield "deleted keys are kept 7 to 90 days"


def _subscription(inputs: Values) -> Iterator[str]:
    policy = inputs["retryPolicy"]
    if not 1 <= policy.get("maxDeliveryAttempts", ATTEMPTS_MAX) <= ATTEMPTS_MAX:
        yield f"an event is tried 1 to {ATTEMPTS_MAX} times"
    if not 1 <= policy.get("eventTimeToLiveInMinutes", MINUTES_TO_LIVE_MAX) <= MINUTES_TO_LIVE_MAX:
        yield f"an event lives 1 to {MINUTES_TO_LIVE_MAX} minutes"


_RULES: Final[dict[str, Callable[[Values], Iterator[str]]]] = {
    "eventgrid:SystemTopicEventSubscription": _subscription,
    "keyvault:Vault": _vault,
    "storage:BlobContainerImmutabilityPolicy": _immutability,
    "web:WebApp": _app,
}


def _rules(kind: str, inputs: Values) -> Iterator[str]:
    if kind in _RULES:
        for fault in _RULES[kind](inputs):
            yield f"{kind}: {fault}"


def _settings(inputs: Values) -> list[dict[str, Any]]:
    site = inputs.get("siteConfig") or {}
    return list(site.get("appSettings") or [])
