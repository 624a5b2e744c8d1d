"""What Azure would refuse: names, missing properties, settings that the plan does not take."""

from collections.abc import Iterator
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
    return [*found, *_name(kind, inputs), *_tags(kind, inputs), *_rules(kind, inputs)]


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


def _tags(kind: str, inputs: Values) -> Iterator[str]:
    tags = inputs.get("tags") or {}
    if len(tags) > TAGS_MAX:
        yield f"{kind}: more than {TAGS_MAX} tags"
    for name, value in tags.items():
        if isinstance(value, str) and len(value) > TAG_VALUE_CHARACTERS_MAX:
            yield f"{kind}: the tag {name} is too long"


def _rules(kind: str, inputs: Values) -> Iterator[str]:
    if kind == "web:WebApp":
        names = {setting["name"] for setting in _settings(inputs)}
        for name in sorted(names & FLEX_REFUSES):
            yield f"{kind}: Flex Consumption refuses the setting {name}"
        if len(names) != len(_settings(inputs)):
            yield f"{kind}: a setting is there twice"
    if kind == "storage:BlobContainerImmutabilityPolicy":
        days = inputs.get("immutabilityPeriodSinceCreationInDays")
        if not isinstance(days, Unknown) and not 1 <= (days or 0) <= WORM_DAYS_MAX:
            yield f"{kind}: the period is 1 to {WORM_DAYS_MAX} days"
    if kind == "keyvault:Vault":
        days = inputs["properties"].get("softDeleteRetentionInDays", 90)
        if not 7 <= days <= 90:
            yield f"{kind}: deleted keys are kept 7 to 90 days"


def _settings(inputs: Values) -> list[dict[str, Any]]:
    site = inputs.get("siteConfig") or {}
    return list(site.get("appSettings") or [])
