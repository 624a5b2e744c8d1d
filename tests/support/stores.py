"""Settings of a service whose stores are a real Azurite, as a worker process is given them."""

from pathlib import Path

from consentry.localhost.azurite import Azurite

ROOT = Path(__file__).parents[2]


def settings_on(azurite: Azurite, keys: Path, *tenants: str) -> dict[str, str]:
    """Settings by name; ``keys`` is the folder of the key files."""
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
        "CONSENTRY_LAYER": str(ROOT / ".consentry" / "layer"),
    }
