"""The gate, the approvals and the log on real stores, with a store that really goes away."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from tests.contract.conftest import CREDENTIAL, ROOT
from tests.support.governance import BOOK, PLACE, approval, conditions
from tests.support.logs import ORIGIN
from tests.support.people import people
from tests.support.polling import until

from consentry.azure.appends import AzureAppendStore
from consentry.azure.keyfiles import signing_key, wrapping_key
from consentry.azure.names import Container, KeyName, TableName
from consentry.azure.tables import AzureTable
from consentry.errors import AuditUnavailableError, NotApprovedError, RateLimitedError
from consentry.localhost.azurite import Azurite
from consentry.localhost.provision import provision
from consentry.service.access import Access
from consentry.service.audit import AuditLog
from consentry.service.audit_copy import LogCopy, export_log
from consentry.service.call import ApiKey, Call, Trigger
from consentry.service.callers import Callers, make_key
from consentry.service.consent_store import ConsentStore
from consentry.service.datakeys import DataKeys
from consentry.service.gate import Gate
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ports import Clock
from consentry.service.quotas import Quotas
from consentry.service.sealing import Sealer
from consentry.trust.approvals import ApprovalState
from consentry.trust.operations import Capability, Operation
from consentry.trust.verification import verify_log

TENANT = "contoso"


def now() -> datetime:
    return datetime.now(UTC)


class Service:
    """A process's gate on the stores of one Azurite."""

    def __init__(
        self, azurite: Azurite, keys: Path, log: Azurite | None = None, clock: Clock = now
    ) -> None:
        def table(name: TableName) -> AzureTable:
            return AzureTable(azurite.table_endpoint, CREDENTIAL, name)

        self.log = AzureAppendStore((log or azurite).blob_endpoint, CREDENTIAL)
        data_keys = DataKeys(table(TableName.DATA_KEYS), wrapping_key(keys), now)
        self.signing = signing_key(keys)
        decisions = AzureAppendStore(azurite.blob_endpoint, CREDENTIAL, Container.DECISIONS)
        deciding = signing_key(keys, KeyName.DECISIONS)
        self.access = Access(table(TableName.ACCESS), deciding, decisions)
        self.callers = Callers(table(TableName.CALLERS), data_keys, (TENANT,))
        consents = ConsentStore(table(TableName.CONSENTS), self.signing, data_keys, (TENANT,))
        self.gate = Gate(
            self.callers,
            people(TENANT),
            self.access,
            consents,
            BOOK,
            data_keys,
            Quotas(table(TableName.QUOTAS)),
            AuditLog(self.log, now),
            (TENANT,),
            clock,
            place=PLACE,
        )

    def approve(self, rate: int = 600) -> None:
        wanted = approval(
            capability=Capability.DETECT,
            valid_from=now() - timedelta(minutes=1),
            valid_until=now() + timedelta(days=1),
            conditions=conditions(rate_per_minute=rate),
        )
        self.access.approve(wanted, now())

    def call(self, key: str) -> str:
        call = Call(Operation.DETECT, ApiKey(key), Trigger.HTTP, str(uuid4()))
        return self.gate.run(call, work)


def work(invocation: Invocation) -> Outcome[str]:
    invocation.saw(b"picture")
    return Outcome("value")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key files that outlive a test, as the wrapped keys in the shared stores do."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def own_azurite(tmp_path: Path) -> Azurite:
    """One that a test may stop."""
    return Azurite(ROOT, data=tmp_path / "azurite")


def test_calls_of_two_processes_and_many_threads_are_all_in_a_whole_log(
    own_azurite: Azurite, keys: Path, tmp_path: Path
) -> None:
    with own_azurite:
        provision(own_azurite.connection_string)
        services = [Service(own_azurite, keys) for _ in range(2)]
        services[0].approve()
        key = services[0].callers.admit(make_key(TENANT), now()).text
        with ThreadPoolExecutor(16) as pool:
            calls = [pool.submit(services[n % 2].call, key) for n in range(100)]
            assert {call.result() for call in calls} == {"value"}
        first = services[0]
        assert Sealer(first.log, first.signing, ORIGIN).seal(now()) == 2
        copy = LogCopy(tmp_path / "copy")
        export_log(first.log, copy.write)
        report = verify_log(copy, first.signing.public_keys())
        assert report.whole
        assert (report.chains, report.records) == (2, 100)


def test_a_revocation_counts_in_every_process(azurite: Azurite, keys: Path) -> None:
    one, other = (Service(azurite, keys) for _ in range(2))
    one.approve()
    key = one.callers.admit(make_key(TENANT), now()).text
    assert [one.call(key), other.call(key)] == ["value", "value"]
    decided = one.access.decided(TENANT, Capability.DETECT)
    assert decided is not None
    one.access.stop(decided, ApprovalState.REVOKED, "reviewer", now())
    for service in (one, other):
        until(partial(refuses, service, key), seconds=5)
        with pytest.raises(NotApprovedError):
            service.call(key)


def test_instances_together_never_let_in_more_than_the_rate(azurite: Azurite, keys: Path) -> None:
    """Three gates over one ledger; the clock stands, so that all calls lie in one minute."""
    at = now() + timedelta(minutes=5)
    gates = [Service(azurite, keys, clock=lambda: at) for _ in range(3)]
    gates[0].approve(rate=30)
    key = gates[0].callers.admit(make_key(TENANT), now()).text
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(is_let_in, gates[number % 3], key) for number in range(60)]
    assert sum(call.result() for call in calls) == 30


def is_let_in(service: Service, key: str) -> bool:
    """Tell whether the rate leaves room for a call."""
    try:
        return service.call(key) == "value"
    except RateLimitedError:
        return False


def refuses(service: Service, key: str) -> bool:
    """Tell whether a call is refused, which may take as long as the gate remembers."""
    try:
        service.call(key)
    except NotApprovedError:
        return True
    return False


def test_a_log_that_goes_away_stops_everything_until_it_is_back(
    azurite: Azurite, own_azurite: Azurite, keys: Path, tmp_path: Path
) -> None:
    with own_azurite:
        provision(own_azurite.connection_string)
        service = Service(azurite, keys, log=own_azurite)
        service.approve()
        key = service.callers.admit(make_key(TENANT), now()).text
        assert service.call(key) == "value"
    with pytest.raises(AuditUnavailableError):
        service.call(key)
    with own_azurite:
        assert service.call(key) == "value"
        Sealer(service.log, service.signing, ORIGIN).seal(now())
        copy = LogCopy(tmp_path / "copy")
        export_log(service.log, copy.write)
        report = verify_log(copy, service.signing.public_keys())
        assert report.whole
        assert (report.chains, report.records) == (2, 2)
