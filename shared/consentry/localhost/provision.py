"""Makes the containers and tables that the infrastructure program makes in Azure."""

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient


def provision(connection_string: str, containers: tuple[str, ...], tables: tuple[str, ...]) -> None:
    """Make what does not exist yet."""
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for name in containers:
            try:
                blobs.create_container(name)
            except ResourceExistsError:
                continue
    with TableServiceClient.from_connection_string(connection_string) as service:
        for name in tables:
            service.create_table_if_not_exists(name)
