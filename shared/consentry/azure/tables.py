"""Tables of an Azure storage account."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from azure.core import MatchConditions
from azure.data.tables import EdmType, EntityProperty, TableClient, UpdateMode

from consentry.azure.credentials import StorageCredential
from consentry.azure.foreign import BACKOFF_SECONDS, client_options, our_errors
from consentry.errors import ConflictError, NotFoundError
from consentry.stored import Entity, Row

NOT_FOUND: Final = 404
_INT32_MAX: Final = 2**31 - 1
_LAST: Final = "\U0010ffff"


class AzureTable:
    """One table, through one client that is kept and shared by threads."""

    def __init__(self, endpoint: str, credential: StorageCredential, name: str) -> None:
        self._client = TableClient(
            endpoint,
            name,
            credential=credential,
            retry_backoff_factor=BACKOFF_SECONDS,
            **client_options(),
        )

    def get(self, partition: str, row: str) -> Entity | None:
        """Read one row, or None."""
        try:
            with our_errors():
                return _entity(self._client.get_entity(partition, row))
        except NotFoundError:
            return None

    def insert(self, partition: str, row: str, values: Row) -> str:
        """Add a row and give its ETag; ConflictError if it exists."""
        with our_errors():
            return _etag(self._client.create_entity(_document(partition, row, values)))

    def replace(self, partition: str, row: str, values: Row, *, etag: str) -> str:
        """Replace a row that is still ``etag``; else ConflictError."""
        try:
            with our_errors():
                return _etag(
                    self._client.update_entity(
                        _document(partition, row, values),
                        mode=UpdateMode.REPLACE,
                        etag=etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
                )
        except NotFoundError:
            raise ConflictError("the row to replace has gone") from None

    def put(self, partition: str, row: str, values: Row) -> str:
        """Insert or replace a row, whatever was there."""
        document = _document(partition, row, values)
        with our_errors():
            return _etag(self._client.upsert_entity(document, mode=UpdateMode.REPLACE))

    def put_together(
        self, partition: str, rows: Mapping[str, Row], *, new: Collection[str] = ()
    ) -> None:
        """Insert or replace several rows, all or none; ConflictError if one of ``new`` exists."""
        operations: list[tuple[Any, ...]] = []
        for row, values in rows.items():
            document = _document(partition, row, values)
            if row in new:
                operations.append(("create", document))
            else:
                operations.append(("upsert", document, {"mode": UpdateMode.REPLACE}))
        with our_errors():
            self._client.submit_transaction(operations)

    def delete(self, partition: str, row: str, *, etag: str | None = None) -> bool:
        """Delete a row; False where there was none; ConflictError if it is not ``etag`` now."""
        statuses: list[int] = []  # the library itself keeps silent about a row that is not there
        condition: dict[str, Any] = {}
        if etag is not None:
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        with our_errors():
            self._client.delete_entity(
                partition,
                row,
                raw_response_hook=lambda answer: statuses.append(answer.http_response.status_code),
                **condition,
            )
        return statuses[-1] != NOT_FOUND

    def query(self, partition: str | None = None, *, row_prefix: str = "") -> Iterator[Entity]:
        """Rows of a partition (or of all), in order of keys."""
        conditions, parameters = [], {}
        if partition is not None:
            conditions.append("PartitionKey eq @partition")
            parameters["partition"] = partition
        if row_prefix:
            conditions.append("RowKey ge @first and RowKey lt @last")
            parameters |= {"first": row_prefix, "last": row_prefix + _LAST}
        with our_errors():
            found = self._client.query_entities(" and ".join(conditions), parameters=parameters)
            for entity in found:
                yield _entity(entity)


def _document(partition: str, row: str, values: Row) -> dict[str, Any]:
    document: dict[str, Any] = {name: _for_table(value) for name, value in values.items()}
    return {**document, "PartitionKey": partition, "RowKey": row}


def _for_table(value: object) -> object:
    """Name the type of an integer that does not fit the table's default of 32 bits."""
    if type(value) is int and abs(value) > _INT32_MAX:
        return EntityProperty(value, EdmType.INT64)
    return value


def _entity(found: Any) -> Entity:
    values = {name: _plain(value) for name, value in found.items()}
    partition, row = values.pop("PartitionKey"), values.pop("RowKey")
    return Entity(partition, row, values, found.metadata["etag"])


def _plain(value: Any) -> Any:
    """Unpack the library's own types: a tagged integer, a time with its original text."""
    if isinstance(value, EntityProperty):
        return value.value
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp(), UTC)
    return value


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["etag"])
