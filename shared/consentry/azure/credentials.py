"""How this process proves who it is: by its identity in Azure, by the public key to an emulator."""

from functools import cache
from typing import Final

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

StorageCredential = AzureNamedKeyCredential | TokenCredential

EMULATOR_ACCOUNT: Final = "devstoreaccount1"
# Published in the emulator's documentation; it opens nothing but emulators.
EMULATOR_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def storage_credential(*, emulated: bool, client_id: str) -> StorageCredential:
    """Give the credential for a storage account, or for an emulator on this machine."""
    if emulated:
        return AzureNamedKeyCredential(EMULATOR_ACCOUNT, EMULATOR_KEY)
    return identity(client_id)


@cache
def identity(client_id: str) -> TokenCredential:
    """Give the managed identity ``client_id``, or what the surroundings offer if it is empty.

    Imported here and not above: a process that only talks to an emulator need not pay for it.
    """
    if client_id:
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=client_id)
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
