"""How triggers reach storage: by connection string, or by address and managed identity.

The settings are those of the Functions host: ``NAME`` holds a connection string, or
``NAME__blobServiceUri`` and ``NAME__queueServiceUri`` hold addresses, and ``NAME__clientId`` the
identity that opens them.
"""

from collections.abc import Mapping

from azure.core.credentials import TokenCredential
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from consentry.errors import LocalStackError

BY_IDENTITY = "managedidentity"


class Connections:
    """Clients for the connections that bindings name; LocalStackError names a missing setting."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def blobs(self, name: str) -> BlobServiceClient:
        """Make a client of a connection's blob service."""
        if name in self._environment:
            return BlobServiceClient.from_connection_string(self._environment[name])
        address = self._setting(name, f"{name}__blobServiceUri")
        return BlobServiceClient(address, credential=self._identity(name))

    def queues(self, name: str) -> QueueServiceClient:
        """Make a client of a connection's queue service."""
        if name in self._environment:
            return QueueServiceClient.from_connection_string(self._environment[name])
        address = self._setting(name, f"{name}__queueServiceUri")
        return QueueServiceClient(address, credential=self._identity(name))

    def _identity(self, name: str) -> TokenCredential:
        if self._setting(name, f"{name}__credential") != BY_IDENTITY:
            raise LocalStackError(f"The setting {name}__credential is not {BY_IDENTITY}.")
        return ManagedIdentityCredential(client_id=self._setting(name, f"{name}__clientId"))

    def _setting(self, name: str, setting: str) -> str:
        try:
            return self._environment[setting]
        except KeyError:
            raise LocalStackError(
                f"The setting {name} of a trigger's connection is missing,"
                f" and so is {setting}, by which an identity would connect."
            ) from None
