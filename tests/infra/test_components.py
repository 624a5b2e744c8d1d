"""What each component registers, held against the code that will run on it."""

import json
from pathlib import Path

import azure.functions as func
import pytest
from tests.infra.policy import settings
from tests.infra.registered import Stack

from consentry.azure.names import (
    APPROVALS_EXPIRING,
    INBOX_FUNCTION,
    POISON_QUEUE,
    SEARCH_SUSPECTED,
    WORK_CONNECTION,
    Container,
    KeyName,
    QueueName,
    TableName,
)
from consentry.limits import MEBIBYTE, PICTURE_BYTES_MAX
from consentry.service.settings import Settings
from consentry_infra.events import HostNotReadyError, webhook_key
from consentry_infra.storage import PIECES_DAYS
from local.checks import FLEX_REFUSES
from registry import register_all

ROOT = Path(__file__).resolve().parents[2]


def bindings() -> dict[str, dict[str, object]]:
    """The first binding of each function of the real app."""
    apis = register_all(lambda: pytest.fail("no service is needed to list functions"))
    app = func.FunctionApp()
    for api in apis:
        app.register_functions(api.blueprint)
    return {
        str(function.get_function_name()): json.loads(str(function))["bindings"][0]
        for function in app.get_functions()
    }


def test_containers_tables_and_keys_are_those_of_the_code(stack: Stack) -> None:
    containers = {r.inputs["containerName"]: r.inputs for r in stack.of("storage:BlobContainer")}
    assert set(Container) <= containers.keys()
    evidence = {name for name in Container if containers[name]["accountName"].startswith("ce")}
    assert evidence == {Container.AUDIT, Container.DECISIONS}
    assert all(
        containers[name]["accountName"].startswith("cw") for name in set(Container) - evidence
    )
    assert {r.inputs["tableName"] for r in stack.of("storage:Table")} == set(TableName)
    assert {r.inputs["keyName"] for r in stack.of("keyvault:Key")} == set(KeyName)


def test_queues_are_those_that_host_and_functions_use(stack: Stack) -> None:
    app = settings(stack.one("web:WebApp"))
    queues = {r.inputs["queueName"] for r in stack.of("storage:Queue")}
    host_queue = f"azure-webjobs-blobtrigger-{app['AzureFunctionsWebHost__hostid']}"
    assert queues == {host_queue, POISON_QUEUE, QueueName.VIDEO, QueueName.VIDEO.poison}
    triggers = [b for b in bindings().values() if b["type"] == "queueTrigger"]
    assert {b["queueName"] for b in triggers} <= queues


def test_settings_of_the_app_are_the_settings_class(stack: Stack, private_stack: Stack) -> None:
    local_only = {"CONSENTRY_LOCAL_KEYS", "CONSENTRY_LOCAL_ISSUER"}
    for one in (stack, private_stack):
        values = settings(one.one("web:WebApp"))
        ours = {name for name in values if name.startswith("CONSENTRY_")}
        assert ours == {f"CONSENTRY_{name.upper()}" for name in Settings.model_fields} - local_only
        loaded = Settings.load(values)
        assert loaded.environment == "production"
        assert loaded.tenants == one.config.tenants
        assert loaded.keep_originals == one.config.service.keep_originals
        assert set(loaded.directories().values()) == set(one.config.tokens.tenants)
        kept = one.config.retention
        assert loaded.retention().usual[Container.QUARANTINE] == kept.quarantine_days
        assert loaded.retention().tenants == kept.tenants
        assert loaded.threads == one.config.capacity.threads
        assert not loaded.layer.is_absolute()


def test_connections_are_by_identity_only(stack: Stack) -> None:
    values = settings(stack.one("web:WebApp"))
    client = values["CONSENTRY_IDENTITY_CLIENT_ID"]
    for connection in ("AzureWebJobsStorage", WORK_CONNECTION):
        assert connection not in values
        assert values[f"{connection}__credential"] == "managedidentity"
        assert values[f"{connection}__clientId"] == client
        for service in ("blob", "queue"):
            address = values[f"{connection}__{service}ServiceUri"]
            assert address.startswith("https://cw")
            assert f".{service}." in address
            assert address.endswith("/")
    named = {b["connection"] for b in bindings().values() if "connection" in b}
    assert named == {WORK_CONNECTION}


def test_host_refuses_bodies_beyond_what_the_service_reads(stack: Stack) -> None:
    values = settings(stack.one("web:WebApp"))
    limit = int(values["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"])
    assert PICTURE_BYTES_MAX < limit <= PICTURE_BYTES_MAX + MEBIBYTE


def test_settings_that_flex_refuses_are_absent(stack: Stack) -> None:
    assert not settings(stack.one("web:WebApp")).keys() & FLEX_REFUSES


def test_app_runs_this_python_on_flex_with_chosen_capacity(private_stack: Stack) -> None:
    app = private_stack.one("web:WebApp").inputs
    assert private_stack.one("web:AppServicePlan").inputs["sku"]["name"] == "FC1"
    config = app["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    scale = config["scaleAndConcurrency"]
    assert (scale["instanceMemoryMB"], scale["maximumInstanceCount"]) == (4096, 40)
    assert scale["alwaysReady"] == [
        {"name": "http", "instanceCount": 1},
        {"name": "blob", "instanceCount": 2},
    ]
    assert scale["triggers"]["http"]["perInstanceConcurrency"] == 2
    assert config["deployment"]["storage"]["value"].endswith(".blob.core.windows.net/deployment")


def test_subscription_feeds_the_blob_trigger(stack: Stack) -> None:
    subscription = stack.one("eventgrid:SystemTopicEventSubscription")
    assert "destination" in subscription.secrets
    made = subscription.inputs
    address = made["destination"]["endpointUrl"]
    assert f"/runtime/webhooks/blobs?functionName=Host.Functions.{INBOX_FUNCTION}&code=" in address
    assert made["filter"] == {
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "subjectBeginsWith": "/blobServices/default/containers/inbox/blobs/",
        "isSubjectCaseSensitive": True,
    }
    assert made["retryPolicy"]["maxDeliveryAttempts"] == 30
    dead = made["deadLetterWithResourceIdentity"]["deadLetterDestination"]
    assert dead["blobContainerName"] == "undelivered"
    trigger = bindings()[INBOX_FUNCTION]
    assert trigger["type"] == "blobTrigger"
    assert trigger["source"] == "EventGrid"
    assert str(trigger["path"]).startswith(f"{Container.INBOX}/")


def test_missing_webhook_key_is_an_error_that_says_what_to_do() -> None:
    assert webhook_key({"blobs_extension": "k"}) == "k"
    for keys in (None, {}, {"other": "k"}):
        with pytest.raises(HostNotReadyError, match="pulumi up"):
            webhook_key(keys)


def test_signing_and_wrapping_keys_are_of_their_kind(stack: Stack, private_stack: Stack) -> None:
    def kinds(one: Stack) -> dict[str, tuple[str, object]]:
        return {
            key.inputs["keyName"]: (
                key.inputs["properties"]["kty"],
                key.inputs["properties"].get("curveName") or key.inputs["properties"]["keySize"],
            )
            for key in one.of("keyvault:Key")
        }

    assert kinds(stack) == {
        KeyName.SIGNING: ("EC", "P-256"),
        KeyName.DECISIONS: ("EC", "P-256"),
        KeyName.WRAPPING: ("RSA", 3072),
    }
    assert kinds(private_stack) == {
        KeyName.SIGNING: ("EC-HSM", "P-256"),
        KeyName.DECISIONS: ("EC-HSM", "P-256"),
        KeyName.WRAPPING: ("RSA-HSM", 3072),
    }
    assert private_stack.one("keyvault:Vault").inputs["properties"]["sku"]["name"] == "premium"


def test_each_container_expires_by_its_own_setting(stack: Stack) -> None:
    rules = {
        rule["definition"]["filters"]["prefixMatch"][0]: rule["definition"]["actions"]["baseBlob"]
        for policy in stack.of("storage:ManagementPolicy")
        for rule in policy.inputs["policy"]["rules"]
    }
    days = {
        prefix: actions["delete"]["daysAfterModificationGreaterThan"]
        for prefix, actions in rules.items()
    }
    kept = stack.config.retention
    assert days == {
        "inbox/": kept.inbox_days,
        "pieces/": PIECES_DAYS,
        "redacted/": kept.longest("redacted"),
        "quarantine/": kept.quarantine_days,
        "manifests/": kept.manifests_days,
        "deletions/": kept.deletions_days,
        "undelivered/": kept.undelivered_days,
        "audit/": kept.audit_kept_days,
        "decisions/": kept.audit_kept_days,
    }


def test_platform_deletes_by_the_longest_of_all_tenants(private_stack: Stack) -> None:
    [policy] = [r for r in private_stack.of("storage:ManagementPolicy") if r.name == "work-expiry"]
    days = {
        rule["name"]: rule["definition"]["actions"]["baseBlob"]["delete"]
        for rule in policy.inputs["policy"]["rules"]
    }
    assert days["expire-redacted"] == {"daysAfterModificationGreaterThan": 90}
    assert days["expire-inbox"] == {"daysAfterModificationGreaterThan": 30}


def test_private_stack_closes_public_doors(private_stack: Stack) -> None:
    for account in private_stack.of("storage:StorageAccount"):
        rules = account.inputs["networkRuleSet"]
        assert rules["defaultAction"] == "Deny"
        ranges = [rule["iPAddressOrRange"] for rule in rules["ipRules"]]
        assert ranges == ["203.0.113.0/24", "198.51.100.7"]
    site = private_stack.one("web:WebApp").inputs["siteConfig"]
    assert site["ipSecurityRestrictionsDefaultAction"] == "Deny"
    assert {rule["ipAddress"] for rule in site["ipSecurityRestrictions"]} == {
        "AzureEventGrid",
        "203.0.113.0/24",
        "198.51.100.7/32",
    }
    assert "AzureEventGrid" not in {r["ipAddress"] for r in site["scmIpSecurityRestrictions"]}
    parts = {
        connection["groupIds"][0]
        for endpoint in private_stack.of("network:PrivateEndpoint")
        for connection in endpoint.inputs["privateLinkServiceConnections"]
    }
    assert parts == {"blob", "queue", "table", "vault", "sites"}


def test_public_stack_has_no_network(stack: Stack) -> None:
    assert not [r for r in stack.resources if r.kind.startswith(("network:", "privatedns:"))]


def test_who_touches_data_or_keys_is_logged_in_the_workspace(stack: Stack) -> None:
    workspace = stack.one("operationalinsights:Workspace")
    assert workspace.inputs["features"]["disableLocalAuth"] is True
    work, evidence = (stack.one("storage:StorageAccount", name).id for name in ("work", "evidence"))
    logged = {
        made.inputs["resourceUri"]: {log["category"] for log in made.inputs["logs"]}
        for made in stack.of("monitor:DiagnosticSetting")
        if made.inputs["workspaceId"] == workspace.id
    }
    data = {"StorageRead", "StorageWrite", "StorageDelete"}
    services = [f"{work}/{kind}Services/default" for kind in ("blob", "table", "queue")]
    assert logged.pop(stack.one("keyvault:Vault").id) >= {"AuditEvent"}
    assert logged == dict.fromkeys([*services, f"{evidence}/blobServices/default"], data)


def test_telemetry_is_taken_from_the_apps_identity_alone(stack: Stack) -> None:
    insights = stack.one("applicationinsights:Component").inputs
    assert insights["disableLocalAuth"] is True
    assert insights["workspaceResourceId"] == stack.one("operationalinsights:Workspace").id
    values = settings(stack.one("web:WebApp"))
    client = values["CONSENTRY_IDENTITY_CLIENT_ID"]
    told = f"ClientId={client};Authorization=AAD"
    assert values["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] == told


@pytest.mark.parametrize(
    ("alert", "severity", "looks_for"),
    [
        ("poison", 1, ['Name in ("watch_poison", "watch_video_poison")']),
        ("undelivered", 1, ['AccountName == "{work}"', '"PutBlob"', "/undelivered/"]),
        ("audit", 0, ['AccountName == "{evidence}"', '"StorageWrite"', ">= 400"]),
        ("denied", 2, ['in ("401", "403")']),
        ("expiring", 3, [f'startswith "{APPROVALS_EXPIRING}"']),
        ("search", 1, [f'startswith "{SEARCH_SUSPECTED}"']),
        ("failing", 2, ["Success == false"]),
    ],
)
def test_alert_looks_for_its_cause(
    stack: Stack, alert: str, severity: int, looks_for: list[str]
) -> None:
    rule = stack.one("monitor:ScheduledQueryRule", f"alert-{alert}").inputs
    [condition] = rule["criteria"]["allOf"]
    accounts = {
        name: stack.one("storage:StorageAccount", name).inputs["accountName"]
        for name in ("work", "evidence")
    }
    for part in looks_for:
        assert part.format(**accounts) in condition["query"]
    assert (rule["enabled"], rule["severity"]) == (True, severity)
    assert rule["scopes"] == [stack.one("operationalinsights:Workspace").id]
    assert rule["actions"]["actionGroups"] == [stack.one("monitor:ActionGroup").id]


def test_alerts_name_real_functions_and_reach_the_contacts(stack: Stack) -> None:
    assert len(stack.of("monitor:ScheduledQueryRule")) == 7
    assert "watch_poison" in bindings()
    receivers = stack.one("monitor:ActionGroup").inputs["emailReceivers"]
    assert [r["emailAddress"] for r in receivers] == list(stack.config.contacts)
    budget = stack.one("consumption:Budget").inputs
    assert budget["amount"] == 100
    told = [note["contactEmails"] for note in budget["notifications"].values()]
    assert told == [list(stack.config.contacts)] * 3


def test_outputs_are_addresses_and_ids_and_never_a_key(stack: Stack) -> None:
    assert set(stack.outputs) == {
        "endpoint",
        "inbox",
        "redacted",
        "quarantine",
        "audit",
        "vault",
        "resource_group",
        "identity_client_id",
        "identity_principal_id",
    }
    key = stack.one("eventgrid:SystemTopicEventSubscription").inputs["destination"]["endpointUrl"]
    secret = key.rpartition("code=")[2]
    assert secret
    assert all(secret not in str(value) for value in stack.outputs.values())


def test_two_tenants_share_nothing_but_code(stack: Stack, private_stack: Stack) -> None:
    def ids(one: Stack) -> set[str]:
        return {r.id for r in one.resources if r.token.startswith("azure-native:")}

    assert not ids(stack) & ids(private_stack)
    theirs = json.dumps([r.inputs for r in private_stack.resources])
    for name in (stack.one("storage:StorageAccount", "work").inputs["accountName"], "contoso"):
        assert name not in theirs.replace("privacy@contoso.example", "")
