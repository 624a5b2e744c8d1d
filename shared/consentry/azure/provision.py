"""Makes the containers and tables of an emulator; in Azure the infrastructure makes them."""

from azure.data.tables import TableServiceClient

from consentry.azure.blobs import blob_service
from consentry.azure.credentials import storage_credential
from consentry.azure.foreign import client_options, our_errors
from consentry.azure.names import Container, TableName


def provision_emulator(blob_endpoint: str, table_endpoint: str) -> None:
    """Make what is missing; harmless when everything is there."""
    credential = storage_credential(emulated=True, client_id="")
    blobs = blob_service(blob_endpoint, credential)
    with our_errors():
        for container in Container:
            client = blobs.get_container_client(container)
            if not client.exists():
                client.create_container()
        tables = TableServiceClient(table_endpoint, credential=credential, **client_options())
        for table in TableName:
            tables.create_table_if_not_exists(table)
