"""Settings of a service whose stores are a real Azurite, as a worker process is given them."""

from pathlib import Path

from consentry.localhost.azurite import Azurite
from consentry.localhost.environment import service_settings

ROOT = Path(__file__).parents[2]


def settings_on(azurite: Azurite, keys: Path, *tenants: str) -> dict[str, str]:
    """Settings by name; ``keys`` is the folder of the key files."""
    return service_settings(azurite, tenants, keys=keys, layer=ROOT / ".consentry" / "layer")
