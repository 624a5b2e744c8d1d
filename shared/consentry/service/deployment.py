"""From settings to real stores and keys: those of Azure, or an emulator and key files."""

from functools import cache

from consentry.azure.appends import AzureAppendStore
from consentry.azure.blobs import AzureBlobStore
from consentry.azure.credentials import StorageCredential, identity, storage_credential
from consentry.azure.keyfiles import signing_key, wrapping_key
from consentry.azure.names import Container, KeyName, QueueName, TableName
from consentry.azure.queues import AzureQueue
from consentry.azure.tables import AzureTable
from consentry.azure.vault import Vault
from consentry.service.parts import Parts, utc_now
from consentry.service.settings import Settings, is_loopback


def connect(settings: Settings) -> Parts:
    """Make the parts that a deployment stands on; nothing is asked of a store yet."""

    def credential(endpoint: str) -> StorageCredential:
        return storage_credential(
            emulated=is_loopback(endpoint), client_id=settings.identity_client_id
        )

    @cache
    def table(name: TableName) -> AzureTable:
        endpoint = settings.work_table_endpoint
        return AzureTable(endpoint, credential(endpoint), name)

    @cache
    def queue(name: QueueName) -> AzureQueue:
        endpoint = settings.work_queue_endpoint
        return AzureQueue(endpoint, credential(endpoint), name)

    work, evidence = settings.work_blob_endpoint, settings.audit_blob_endpoint
    if settings.local_keys is not None:
        signing, wrapping = signing_key(settings.local_keys), wrapping_key(settings.local_keys)
        deciding = signing_key(settings.local_keys, KeyName.DECISIONS)
    else:
        vault = Vault(settings.vault_url, identity(settings.identity_client_id))
        signing, wrapping = vault.signing_key(), vault.wrapping_key()
        deciding = vault.signing_key(KeyName.DECISIONS)
    return Parts(
        blobs=AzureBlobStore(work, credential(work)),
        audit=AzureAppendStore(evidence, credential(evidence)),
        decisions=AzureAppendStore(evidence, credential(evidence), Container.DECISIONS),
        table=table,
        queue=queue,
        signing_key=signing,
        decision_key=deciding,
        wrapping_key=wrapping,
        clock=utc_now,
    )
