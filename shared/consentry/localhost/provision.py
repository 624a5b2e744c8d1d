"""Makes the containers, tables and queues that the infrastructure program makes in Azure."""

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from consentry.azure.names import Container, QueueName, TableName


def provision(
    connection_string: str,
    containers: tuple[str, ...] = tuple(Container),
    tables: tuple[str, ...] = tuple(TableName),
    queues: tuple[str, ...] = tuple(QueueName),
) -> None:
    """Make what does not exist yet; by default what the service needs."""
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for name in containers:
            try:
                blobs.create_container(name)
            except ResourceExistsError:
                continue
    with TableServiceClient.from_connection_string(connection_string) as service:
        for name in tables:
            service.create_table_if_not_exists(name)
    with QueueServiceClient.from_connection_string(connection_string) as messages:
        for name in queues:
            try:
                messages.create_queue(name)
            except ResourceExistsError:
                continue
