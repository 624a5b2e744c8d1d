"""host.json, settings of the worker, keys and paths of blob triggers."""

import json
from pathlib import Path
from typing import Any

import pytest

from consentry.errors import LocalStackError
from consentry.localhost.azurite import Azurite
from consentry.localhost.blobs import PathPattern
from consentry.localhost.environment import stack_settings, worker_environment
from consentry.localhost.host import disabled_functions, host_id
from consentry.localhost.hostjson import HostJson
from consentry.localhost.keys import Keys
from consentry.localhost.ports import free_ports
from consentry.service.settings import Settings


def _read(folder: Path, document: object) -> HostJson:
    (folder / "host.json").write_text(json.dumps(document))
    return HostJson.read(folder)


def test_minimal_host_json_has_the_hosts_defaults(tmp_path: Path) -> None:
    assert _read(tmp_path, {"version": "2.0"}) == HostJson()


def test_host_json_is_obeyed(tmp_path: Path) -> None:
    document = {
        "version": "2.0",
        "functionTimeout": "01:02:03",
        "extensions": {
            "http": {"routePrefix": "/v1/"},
            "queues": {
                "batchSize": 1,
                "newBatchThreshold": 0,
                "maxDequeueCount": 7,
                "visibilityTimeout": "00:00:30",
                "maxPollingInterval": "00:00:02.5",
                "messageEncoding": "none",
            },
            "blobs": {"maxDegreeOfParallelism": 3, "poisonBlobThreshold": 4},
        },
    }
    assert _read(tmp_path, document) == HostJson("v1", 3723.0, 1, 0, 7, 30, 2.5, False, 3, 4)


def test_timeout_of_minus_one_is_no_limit(tmp_path: Path) -> None:
    assert _read(tmp_path, {"version": "2.0", "functionTimeout": "-1"}).timeout_seconds is None


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"version": "1.0"},
        {"version": "2.0", "functionTimeout": "five minutes"},
        {"version": "2.0", "extensions": {"queues": {"batchSize": 33}}},
        {"version": "2.0", "extensions": {"queues": {"batchSize": "many"}}},
        {"version": "2.0", "extensions": []},
    ],
)
def test_unusable_host_json_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(LocalStackError, match=r"host\.json"):
        _read(tmp_path, document)


def test_missing_host_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"no host\.json"):
        HostJson.read(tmp_path)


def _settings(tmp_path: Path) -> dict[str, str]:
    return stack_settings(tmp_path, Azurite(tmp_path), ("contoso", "fabrikam"))


def test_settings_of_a_stack_are_settings_of_the_service(tmp_path: Path) -> None:
    settings = Settings.load(_settings(tmp_path))
    assert settings.environment == "development"
    assert settings.tenants == ("contoso", "fabrikam")


def test_worker_does_not_inherit_what_a_shell_sets_of_ours(tmp_path: Path) -> None:
    shell = {
        "CONSENTRY_VAULT_URL": "https://vault.example",
        "AzureWebJobsStorage__accountName": "real",
        "HOME": "kept",
    }
    environment = worker_environment(_settings(tmp_path), shell)
    assert "CONSENTRY_VAULT_URL" not in environment
    assert "AzureWebJobsStorage__accountName" not in environment
    assert environment["HOME"] == "kept"
    assert environment["CONSENTRY_TENANTS"] == "contoso,fabrikam"


@pytest.mark.parametrize(
    ("level", "opened_by"),
    [
        ("anonymous", {"", "master", "function", "blobs"}),
        ("function", {"master", "function"}),
        ("admin", {"master"}),
        ("system", {"master", "blobs"}),
    ],
)
def test_level_is_opened_by_its_own_key_and_the_master(level: str, opened_by: set[str]) -> None:
    keys = Keys("master", "function", "blobs")
    presented = ("", "master", "function", "blobs", "other", "grüße")
    assert {key for key in presented if keys.satisfies(level, key)} >= opened_by
    if level != "anonymous":
        assert {key for key in presented if keys.satisfies(level, key)} == opened_by


def test_keys_are_new_in_each_run_and_never_shown() -> None:
    keys = Keys()
    assert keys != Keys()
    assert keys.master not in repr(keys)
    assert keys.function not in repr(keys)


@pytest.mark.parametrize(
    ("path", "container", "blob", "expected"),
    [
        ("inbox/{tenant}/{name}", "inbox", "a/b.jpg", {"tenant": "a", "name": "b.jpg"}),
        ("inbox/{tenant}/{name}", "inbox", "a/b/c", {"tenant": "a/b", "name": "c"}),
        ("inbox/{name}.json", "inbox", "a.verify.json", {"name": "a.verify"}),
        ("inbox/{tenant}/{name}", "inbox", "b.jpg", None),
        ("inbox/{name}", "redacted", "b.jpg", None),
        ("inbox", "inbox", "any/thing", {}),
        ("inbox/{name}", "inbox", "two\nlines", {"name": "two\nlines"}),
    ],
)
def test_blob_path_captures_as_much_as_it_can(
    path: str, container: str, blob: str, expected: dict[str, str] | None
) -> None:
    assert PathPattern(path).match(container, blob) == expected


def test_disabled_functions_come_from_settings() -> None:
    settings = {
        "AzureWebJobs.Detect.Disabled": "true",
        "AzureWebJobs.verify.Disabled": "1",
        "AzureWebJobs.redact.Disabled": "false",
        "AzureWebJobs.other.Setting": "true",
        "AzureWebJobsStorage": "true",
    }
    assert disabled_functions(settings) == {"detect", "verify"}


def test_host_id_is_stable_and_fit_for_a_queue_name() -> None:
    first, second = host_id(Path("/one")), host_id(Path("/two"))
    assert first == host_id(Path("/one")) != second
    assert len(first) <= 32
    assert first.replace("-", "").isalnum()


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(20))) == 20
