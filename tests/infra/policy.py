"""Rules over everything that a stack registers; each breach is named by rule and resource."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tests.infra.registered import Registered

from consentry.service.settings import ENTRA, Settings
from consentry.service.settings import PREFIX as SETTING_PREFIX
from consentry_infra.events import INBOX_SUBJECT
from consentry_infra.naming import NAME_LIMITS
from consentry_infra.roles import Role
from local.kinds import PREFIX

Rule = Callable[[Sequence[Registered]], Iterator[str]]

SECRET_NAME: Final = re.compile(r"(?i)key|secret|passw|token|sas|connection_?string")
SECRET_VALUE: Final = re.compile(
    r"(?i)accountkey=|sharedaccess|sig=|-----BEGIN|password=|[A-Za-z0-9+/]{40,}={0,2}"
)
# It holds an id that opens nothing while local authentication is off, which is a rule of its own.
HARMLESS_SETTINGS: Final = frozenset({"APPLICATIONINSIGHTS_CONNECTION_STRING"})
# The one place where a key must stand: the address of the webhook, a secret in the state.
WEBHOOK: Final = ("eventgrid:SystemTopicEventSubscription", "destination")

TAGGED: Final = frozenset(
    {
        "applicationinsights:Component",
        "eventgrid:SystemTopic",
        "keyvault:Key",
        "keyvault:Vault",
        "managedidentity:UserAssignedIdentity",
        "monitor:ActionGroup",
        "monitor:ScheduledQueryRule",
        "network:PrivateEndpoint",
        "network:VirtualNetwork",
        "operationalinsights:Workspace",
        "privatedns:PrivateZone",
        "privatedns:VirtualNetworkLink",
        "resources:ResourceGroup",
        "storage:StorageAccount",
        "web:AppServicePlan",
        "web:WebApp",
    }
)

# Who, by which role, on what: the whole list. Anything else is a breach.
ALLOWED_ROLES: Final = frozenset(
    {
        *(
            ("app", Role.BLOB_CONTRIBUTOR, name)
            for name in ("inbox", "pieces", "redacted", "quarantine", "manifests", "deletions")
        ),
        *(
            ("app", Role.BLOB_OWNER, name)
            for name in ("deployment", "azure-webjobs-hosts", "azure-webjobs-secrets")
        ),
        *(("app", "audit-appender", name) for name in ("audit", "decisions")),
        *(
            ("app", Role.TABLE_CONTRIBUTOR, name)
            for name in (
                "access",
                "callers",
                "consents",
                "datakeys",
                "jobs",
                "quotas",
                "templates",
                "uploads",
            )
        ),
        ("app", Role.QUEUE_CONTRIBUTOR, "azure-webjobs-blobtrigger-HOST"),
        ("app", Role.QUEUE_CONTRIBUTOR, "webjobs-blobtrigger-poison"),
        ("app", Role.QUEUE_CONTRIBUTOR, "video-steps"),
        ("app", Role.QUEUE_CONTRIBUTOR, "video-steps-poison"),
        ("app", Role.BLOB_DELEGATOR, "WORK"),
        *(("app", Role.CRYPTO_USER, name) for name in ("consentry-signing", "consentry-decisions")),
        ("app", Role.CRYPTO_WRAPPER, "consentry-wrapping"),
        ("app", Role.METRICS_PUBLISHER, "INSIGHTS"),
        ("topic", Role.BLOB_CONTRIBUTOR, "undelivered"),
        ("reviewers", Role.TABLE_READER, "access"),
        ("auditors", Role.BLOB_READER, "audit"),
        ("uploaders", Role.BLOB_CONTRIBUTOR, "inbox"),
        ("uploaders", Role.BLOB_READER, "redacted"),
    }
)
# A stack without a group of uploaders has just these.
STANDING_ROLES: Final = frozenset(entry for entry in ALLOWED_ROLES if entry[0] != "uploaders")


def of(resources: Sequence[Registered], kind: str) -> list[Registered]:
    return [resource for resource in resources if resource.kind == kind]


def settings(app: Registered) -> dict[str, str]:
    return {item["name"]: item["value"] for item in app.inputs["siteConfig"]["appSettings"]}


def storage_takes_identities_only(resources: Sequence[Registered]) -> Iterator[str]:
    for account in of(resources, "storage:StorageAccount"):
        if account.inputs.get("allowSharedKeyAccess") is not False:
            yield f"{account.name}: shared keys"
        if account.inputs.get("isLocalUserEnabled") is not False:
            yield f"{account.name}: local users"


def nothing_is_public(resources: Sequence[Registered]) -> Iterator[str]:
    for account in of(resources, "storage:StorageAccount"):
        if account.inputs.get("allowBlobPublicAccess") is not False:
            yield f"{account.name}: public blobs"
        if account.inputs.get("allowCrossTenantReplication") is not False:
            yield f"{account.name}: replication to other directories"
        if "networkRuleSet" not in account.inputs:
            yield f"{account.name}: no network rules"
    for container in of(resources, "storage:BlobContainer"):
        if container.inputs.get("publicAccess") != "None":
            yield f"{container.name}: public access"
    for app in of(resources, "web:WebApp"):
        if app.inputs["siteConfig"].get("cors") != {
            "allowedOrigins": [],
            "supportCredentials": False,
        }:
            yield f"{app.name}: CORS is open"


def transport_is_encrypted(resources: Sequence[Registered]) -> Iterator[str]:
    for account in of(resources, "storage:StorageAccount"):
        if account.inputs.get("minimumTlsVersion") != "TLS1_2":
            yield f"{account.name}: TLS below 1.2"
        if account.inputs.get("enableHttpsTrafficOnly") is not True:
            yield f"{account.name}: plain HTTP"
        if account.inputs["encryption"].get("requireInfrastructureEncryption") is not True:
            yield f"{account.name}: encrypted once only"
    for app in of(resources, "web:WebApp"):
        site = app.inputs["siteConfig"]
        if app.inputs.get("httpsOnly") is not True:
            yield f"{app.name}: plain HTTP"
        if (site.get("minTlsVersion"), site.get("scmMinTlsVersion")) != ("1.2", "1.2"):
            yield f"{app.name}: TLS below 1.2"


def passwords_are_off(resources: Sequence[Registered]) -> Iterator[str]:
    for kind in ("web:WebAppScmAllowed", "web:WebAppFtpAllowed"):
        found = of(resources, kind)
        if len(found) != 1 or found[0].inputs.get("allow") is not False:
            yield f"{kind}: password sign-in"
    for kind in ("applicationinsights:Component",):
        for component in of(resources, kind):
            if component.inputs.get("disableLocalAuth") is not True:
                yield f"{component.name}: takes telemetry without identity"
    for workspace in of(resources, "operationalinsights:Workspace"):
        if workspace.inputs["features"].get("disableLocalAuth") is not True:
            yield f"{workspace.name}: takes logs without identity"


def no_secret_stands_anywhere(resources: Sequence[Registered]) -> Iterator[str]:
    for app in of(resources, "web:WebApp"):
        for name, value in settings(app).items():
            if name in HARMLESS_SETTINGS:
                continue
            if SECRET_NAME.search(name) or SECRET_VALUE.search(value):
                yield f"{app.name}: the setting {name} looks like a secret"
    for resource in resources:
        for name, value in resource.inputs.items():
            if (resource.kind, name) != WEBHOOK and name != "siteConfig":
                for text in _texts(value):
                    if re.search(r"(?i)accountkey=|[?&](sig|code)=|-----BEGIN", text):
                        yield f"{resource.name}: {name} holds a secret"


def roles_are_on_the_list(resources: Sequence[Registered]) -> Iterator[str]:
    found = set()
    for assignment in of(resources, "authorization:RoleAssignment"):
        entry = (_principal(assignment), _role(assignment, resources), _scope(assignment))
        found.add(entry)
        if entry not in ALLOWED_ROLES:
            yield f"{assignment.name}: {entry} is not on the list"
    for missing in sorted(map(str, STANDING_ROLES - found)):
        yield f"{missing} is missing"


_STORAGE: Final = "Microsoft.Storage/storageAccounts"
OWN_ROLES: Final = {
    "audit-appender": {
        f"{_STORAGE}/blobServices/containers/blobs/read",
        f"{_STORAGE}/blobServices/containers/blobs/add/action",
    },
}
"""What our own roles may do: append to the log, and rewrite nothing."""


def own_roles_cannot_rewrite(resources: Sequence[Registered]) -> Iterator[str]:
    roles = of(resources, "authorization:RoleDefinition")
    if {role.name for role in roles} != OWN_ROLES.keys():
        yield "the roles of our own are not those on the list"
    for role in roles:
        [permission] = role.inputs["permissions"]
        if set(permission["dataActions"]) != OWN_ROLES.get(role.name):
            yield f"{role.name}: may do more or less than it is for"
        if permission["actions"]:
            yield f"{role.name}: may manage"


def everything_is_tagged(resources: Sequence[Registered]) -> Iterator[str]:
    for resource in resources:
        tags = resource.inputs.get("tags") or {}
        if resource.kind in TAGGED and not {"consentry-stack", "consentry-tenants"} <= tags.keys():
            yield f"{resource.name}: not tagged"


def names_are_within_limits(resources: Sequence[Registered]) -> Iterator[str]:
    for resource in resources:
        if resource.kind in NAME_LIMITS:
            prop, limit = NAME_LIMITS[resource.kind]
            if not limit.allows(str(resource.inputs.get(prop))):
                yield f"{resource.name}: {prop} is not a name that Azure takes"


def keys_survive_mistakes(resources: Sequence[Registered]) -> Iterator[str]:
    for vault in of(resources, "keyvault:Vault"):
        properties = vault.inputs["properties"]
        for name in ("enablePurgeProtection", "enableSoftDelete", "enableRbacAuthorization"):
            if properties.get(name) is not True:
                yield f"{vault.name}: {name} is off"
    for key in of(resources, "keyvault:Key"):
        if key.inputs["properties"]["attributes"].get("exportable") is not False:
            yield f"{key.name}: exportable"
        if not key.inputs["properties"].get("rotationPolicy"):
            yield f"{key.name}: never rotated"


def evidence_is_append_only(resources: Sequence[Registered]) -> Iterator[str]:
    locks = of(resources, "storage:BlobContainerImmutabilityPolicy")
    if sorted(lock.inputs["containerName"] for lock in locks) != ["audit", "decisions"]:
        yield "a container of evidence has no immutability policy"
    for lock in locks:
        if lock.inputs.get("allowProtectedAppendWrites") is not True:
            yield f"{lock.name}: cannot be appended to"
        if not lock.inputs.get("immutabilityPeriodSinceCreationInDays"):
            yield f"{lock.name}: has no period"
        if not lock.inputs["accountName"].startswith("ce"):
            yield f"{lock.name}: not on the evidence account"


def deletions_are_true_and_evidence_stays(resources: Sequence[Registered]) -> Iterator[str]:
    services = {r.name: r.inputs for r in of(resources, "storage:BlobServiceProperties")}
    for name, kept in (("work-blobs", False), ("evidence-blobs", True)):
        policies = (
            services[name]["isVersioningEnabled"],
            services[name]["deleteRetentionPolicy"]["enabled"],
            services[name]["containerDeleteRetentionPolicy"]["enabled"],
        )
        if set(policies) != {kept}:
            yield f"{name}: versions and soft delete are not {kept}"


def events_are_those_of_the_inbox(resources: Sequence[Registered]) -> Iterator[str]:
    apps = {app.inputs["name"] for app in of(resources, "web:WebApp")}
    for subscription in of(resources, "eventgrid:SystemTopicEventSubscription"):
        rules, target = subscription.inputs["filter"], subscription.inputs["destination"]
        if rules.get("subjectBeginsWith") != INBOX_SUBJECT:
            yield f"{subscription.name}: events of other containers"
        if urlsplit(target["endpointUrl"]).hostname not in {f"{a}.azurewebsites.net" for a in apps}:
            yield f"{subscription.name}: events go elsewhere"
        if not subscription.inputs.get("deadLetterWithResourceIdentity"):
            yield f"{subscription.name}: undelivered events are lost"


def every_setting_is_there(resources: Sequence[Registered]) -> Iterator[str]:
    local_only = {"CONSENTRY_LOCAL_KEYS", "CONSENTRY_LOCAL_ISSUER"}
    known = {f"{SETTING_PREFIX}{name.upper()}" for name in Settings.model_fields} - local_only
    for app in of(resources, "web:WebApp"):
        for name in sorted(known - settings(app).keys()):
            yield f"{app.name}: the setting {name} is missing"


def tokens_come_from_entra(resources: Sequence[Registered]) -> Iterator[str]:
    for resource in resources:
        if "PublishedPackage" in resource.token and resource.inputs["authority"] != ENTRA:
            yield f"{resource.name}: published by tokens of another authority"
    for app in of(resources, "web:WebApp"):
        if settings(app).get("CONSENTRY_AUTHORITY") != ENTRA:
            yield f"{app.name}: takes tokens of another authority"


def only_known_types(resources: Sequence[Registered]) -> Iterator[str]:
    for resource in resources:
        if not resource.token.startswith(
            (PREFIX, "consentry:infra:", "pulumi-python:dynamic/consentry:")
        ):
            yield f"{resource.name}: {resource.token} is nobody's"


RULES: Final[tuple[Rule, ...]] = (
    storage_takes_identities_only,
    nothing_is_public,
    transport_is_encrypted,
    passwords_are_off,
    no_secret_stands_anywhere,
    roles_are_on_the_list,
    own_roles_cannot_rewrite,
    everything_is_tagged,
    names_are_within_limits,
    keys_survive_mistakes,
    evidence_is_append_only,
    deletions_are_true_and_evidence_stays,
    events_are_those_of_the_inbox,
    every_setting_is_there,
    tokens_come_from_entra,
    only_known_types,
)


def breaches(resources: Sequence[Registered]) -> dict[str, list[str]]:
    """What breaks each rule that is broken."""
    found = {rule.__name__: list(rule(resources)) for rule in RULES}
    return {rule: lines for rule, lines in found.items() if lines}


def _principal(assignment: Registered) -> str:
    return assignment.name.split("-")[0]


def _role(assignment: Registered, resources: Sequence[Registered]) -> str:
    guid = assignment.inputs["roleDefinitionId"].rpartition("/")[2]
    own = {
        r.inputs["roleDefinitionId"]: r.name for r in of(resources, "authorization:RoleDefinition")
    }
    return str(own.get(guid, guid))


def _scope(assignment: Registered) -> str:
    scope = str(assignment.inputs["scope"])
    last = scope.rpartition("/")[2]
    if re.search(r"/storageAccounts/cw[a-z0-9]+$", scope):
        return "WORK"
    if "/components/" in scope:
        return "INSIGHTS"
    return re.sub(r"(?<=blobtrigger-)(?!poison).+", "HOST", last)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def changed(inputs: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of some inputs in which one value, named by its path, is another."""
    head, _, tail = path.partition(".")
    if not tail:
        return {**inputs, head: value}
    return {**inputs, head: changed(inputs[head], tail, value)}
