"""The local cloud as a whole: which real part stands behind which type of resource.

``machine`` starts what every rehearsal needs: the proxy, the token endpoint and the stand-in for
Entra ID. With ``real`` the resources come up as Azurite, keys, apps and deliveries; without it
they are state alone, which is enough for what only the engine and the provider have to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.accounts import Accounts
from local.certificates import LOOPBACK, make_certificate
from local.cloud import Cloud
from local.deployments import PaperSites
from local.entra import Entra
from local.events import Events, Manners
from local.gateway import gateway
from local.identity import Identities, Who, identity_endpoint
from local.kinds import OPERATOR
from local.rights import Rights
from local.sites import Sites
from local.vaults import Vaults
from local.wire import Service

ORDERLY: Final = Manners()
ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Parts:
    """The real parts, for whoever plays with them."""

    accounts: Accounts
    vaults: Vaults
    sites: Sites
    events: Events


@dataclass
class Machine:
    """A running local cloud."""

    cloud: Cloud
    identities: Identities
    rights: Rights
    entra: Entra
    surroundings: dict[str, str] = field(repr=False)
    parts: Parts | None = None

    @property
    def real(self) -> Parts:
        """The real parts; LookupError where all is state."""
        if self.parts is None:
            raise LookupError("this local cloud is state alone")
        return self.parts

    def environment(self, who: Who) -> dict[str, str]:
        """What leads a process of somebody's into the local cloud, as them."""
        return {**self.surroundings, "IDENTITY_HEADER": self.identities.enrol_person(who)}

    @property
    def operator(self) -> dict[str, str]:
        """What leads a deployment into the local cloud."""
        return self.environment(Who(OPERATOR))


@contextmanager
def machine(
    scratch: Path, *, real: bool, logs: Path | None = None, manners: Manners = ORDERLY
) -> Iterator[Machine]:
    """Run a local cloud while the block runs; nothing is left afterwards but the apps' ``logs``."""
    certificate = make_certificate(scratch)
    found = Cloud()
    identities, entra, rights = Identities(), Entra(), Rights(found)
    owners: list[Accounts | Vaults | Sites | PaperSites] = []

    def find(host: str) -> Service | None:
        services = (owner.find(host) for owner in owners)
        return next((service for service in services if service is not None), None)

    with (
        entra.serving(certificate),
        identity_endpoint(identities) as tokens,
        gateway(find, certificate) as port,
    ):
        surroundings = {
            "IDENTITY_ENDPOINT": tokens,
            "HTTPS_PROXY": f"http://{LOOPBACK}:{port}",
            "NO_PROXY": LOOPBACK,
            "SSL_CERT_FILE": str(certificate.public),
            "REQUESTS_CA_BUNDLE": str(certificate.public),
        }
        running = Machine(found, identities, rights, entra, surroundings)
        if not real:
            sites = PaperSites(found, identities)
            owners.append(sites)
            try:
                yield running
            finally:
                sites.stop()
            return
        accounts = Accounts(ROOT, certificate, found, identities, rights)
        vaults = Vaults(found, identities, rights)
        apps = Sites(scratch / "sites", logs or scratch, found, identities, surroundings)
        events = Events(found, identities, surroundings, manners)
        accounts.on_created = events.created
        owners += [accounts, vaults, apps]
        found.behind |= dict.fromkeys(
            (
                "storage:StorageAccount",
                "storage:BlobContainer",
                "storage:Queue",
                "storage:Table",
            ),
            accounts,
        )
        found.behind |= {"keyvault:Vault": vaults, "keyvault:Key": vaults}
        found.behind |= {
            "web:WebApp": apps,
            "eventgrid:SystemTopicEventSubscription": events,
        }
        running.parts = Parts(accounts, vaults, apps, events)
        try:
            yield running
        finally:
            apps.stop()
            events.stop()
            accounts.stop()
