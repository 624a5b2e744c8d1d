"""The settings that a local worker gets: what infrastructure sets in Azure, over Azurite."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from consentry.azure.names import WORK_CONNECTION
from consentry.localhost.azurite import Azurite
from consentry.localhost.issuer import DEVELOPMENT_AUDIENCE, PUBLIC_FILE

# What a developer's shell must not lend to a worker.
_FOREIGN = ("CONSENTRY_", "AzureWebJobs", "ConsentryWork", "PYTHON_")


def service_settings(
    azurite: Azurite, tenants: Sequence[str], *, keys: Path, layer: Path
) -> dict[str, str]:
    """Settings of a service whose stores are an Azurite; ``keys`` is the folder of key files."""
    return {
        "CONSENTRY_ENVIRONMENT": "development",
        "CONSENTRY_TENANTS": ",".join(tenants),
        "CONSENTRY_JURISDICTION": "DE",
        "CONSENTRY_CONTACT": "privacy@operator.example",
        "CONSENTRY_WORK_BLOB_ENDPOINT": azurite.blob_endpoint,
        "CONSENTRY_WORK_TABLE_ENDPOINT": azurite.table_endpoint,
        "CONSENTRY_WORK_QUEUE_ENDPOINT": azurite.queue_endpoint,
        "CONSENTRY_AUDIT_BLOB_ENDPOINT": azurite.blob_endpoint,
        "CONSENTRY_LOCAL_KEYS": str(keys),
        "CONSENTRY_LAYER": str(layer),
    }


def stack_settings(root: Path, azurite: Azurite, tenants: Sequence[str]) -> dict[str, str]:
    """Settings of the service and of the platform, for one local stack in ``root``."""
    private = root / ".consentry"
    keys = private / "keys"
    return {
        **service_settings(azurite, tenants, keys=keys, layer=private / "layer"),
        "CONSENTRY_AUDIENCE": DEVELOPMENT_AUDIENCE,
        "CONSENTRY_LOCAL_ISSUER": str(keys / PUBLIC_FILE),
        "AzureWebJobsStorage": azurite.connection_string,
        WORK_CONNECTION: azurite.connection_string,
        "FUNCTIONS_WORKER_RUNTIME": "python",
    }


def worker_environment(
    settings: Mapping[str, str], inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The whole environment of a worker: what it inherits, less what is ours, and the settings."""
    lent = {k: v for k, v in inherited.items() if not k.startswith(_FOREIGN)}
    return lent | dict(settings)
