"""Function apps: a package comes in at the deployment endpoint, and the app serves from it.

The package is unpacked in an empty folder, and the development host runs it there in a worker
that sees nothing else, with exactly the settings that the program computed, beside what the
platform itself lends every app: where to ask for tokens, and the way into the local cloud. The
app's own identity stores and fetches the package and the host's keys, so it needs its roles.
"""

import hashlib
import io
import json
import os
import ssl
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from consentry.errors import LocalStackError
from consentry.localhost.hostprocess import HostProcess
from local.cloud import Cloud, Resource
from local.deployments import Deployments
from local.gateway import HOP_BY_HOP
from local.identity import STORAGE, Identities, Who
from local.wire import Reply, Request, Service

DOMAIN: Final = ".azurewebsites.net"
RELEASED: Final = "released-package.zip"
HOST_STORAGE: Final = "AzureWebJobsStorage__blobServiceUri"
HOST_ID: Final = "AzureFunctionsWebHost__hostid"
KEYS_CONTAINER: Final = "azure-webjobs-secrets"
API_VERSION: Final = "2021-12-02"
CALL_SECONDS_MAX: Final = 230.0  # Azure's front end ends every reply after that time
LENT: Final = ("PATH", "LANG", "TMPDIR")  # what an app's worker has of this machine


@dataclass
class Site:
    """One app."""

    resource: Resource
    identity: Who
    header: str = field(repr=False)  # by which the app asks for tokens
    deployed: bool = False
    host: HostProcess | None = None
    url: str = ""

    @property
    def name(self) -> str:
        """The app's name."""
        return str(self.resource.inputs["name"])

    @property
    def settings(self) -> dict[str, str]:
        """The app's settings."""
        found = self.resource.inputs["siteConfig"]["appSettings"]
        return {setting["name"]: setting["value"] for setting in found}

    @property
    def package_address(self) -> str:
        """Where the package is stored: in the container that the app's configuration names."""
        storage = self.resource.inputs["functionAppConfig"]["deployment"]["storage"]
        return f"{storage['value']}/{RELEASED}"

    @property
    def keys_address(self) -> str:
        """Where the host keeps its keys."""
        return f"{self.settings[HOST_STORAGE]}{KEYS_CONTAINER}/{self.settings[HOST_ID]}/host.json"


class Sites:
    """Stands behind apps; ``logs`` takes what each logs, in a file of its name.

    ``surroundings`` lead a process into the local cloud.
    """

    def __init__(
        self,
        folder: Path,
        logs: Path,
        cloud: Cloud,
        identities: Identities,
        surroundings: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._logs = logs
        self._cloud = cloud
        self._identities = identities
        self._surroundings = surroundings
        self._client = httpx.Client(trust_env=False, timeout=CALL_SECONDS_MAX)
        self._sites: dict[str, Site] = {}
        self._deployments = Deployments(cloud, identities, self._deploy)

    def make(self, resource: Resource) -> None:
        """Make an app, without any code yet."""
        people: dict[str, Who] = {}
        for identity_id in resource.inputs["identity"]["userAssignedIdentities"]:
            identity = self._cloud.read(identity_id)
            if identity is not None:
                people[identity.outputs["clientId"]] = Who(identity.outputs["principalId"])
        who = next(iter(people.values()))
        header = self._identities.enrol(by_client=people)
        self._sites[resource.inputs["name"]] = Site(resource, who, header)

    def change(self, resource: Resource) -> None:
        """Take over other settings: what runs is started again with them."""
        site = self._sites[resource.inputs["name"]]
        changed = site.resource.inputs["siteConfig"] != resource.inputs["siteConfig"]
        site.resource = resource
        if changed and site.deployed:
            self._start(site)

    def remove(self, resource: Resource) -> None:
        """Stop an app, and forget its code."""
        _end(self._sites.pop(resource.inputs["name"]))

    def stop(self) -> None:
        """Stop every app that still runs."""
        self._deployments.stop()
        while self._sites:
            _end(self._sites.popitem()[1])
        self._client.close()

    def restart(self, name: str) -> None:
        """Start an app from nothing, as a new instance is started: package, keys, host, worker."""
        self._start(self._sites[name])

    def find(self, host: str) -> Service | None:
        """What answers to a host name: an app, or the deployment endpoint of one."""
        site = self._sites.get(host.removesuffix(DOMAIN))
        if site is None:
            return self._deployments.find(host)
        return lambda request: self._call(site, request)

    def _call(self, site: Site, request: Request) -> Reply:
        if not site.url:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE)
        headers = {n: v for n, v in request.headers.items() if n not in HOP_BY_HOP}
        asked = self._client.build_request(
            request.method,
            httpx.URL(site.url).copy_with(raw_path=request.target.encode("ascii")),
            headers=headers,
            content=request.body,
        )
        try:
            answer = self._client.send(asked)
        except httpx.TransportError:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE)
        return Reply(answer.status_code, dict(answer.headers), answer.content)

    def _deploy(self, name: str, _number: str, package: bytes) -> None:
        """Store the package where the app says, and run what lies there."""
        site = self._sites[name]
        self._put(site, site.package_address, package)
        self._start(site)
        site.deployed = True

    def _start(self, site: Site) -> None:
        """Run the app's package instead of what ran before."""
        _end(site)
        folder = self._unpacked(site)
        keys = self._cloud.keys(site.name)
        document = {
            "masterKey": keys.master,
            "systemKeys": {"blobs_extension": keys.blobs_extension},
        }
        self._put(site, site.keys_address, json.dumps(document).encode())
        platform = {**self._surroundings, "IDENTITY_HEADER": site.header}
        lent = {name: os.environ[name] for name in LENT if name in os.environ}
        host = HostProcess(
            {
                "app": str(folder),
                "environment": {**lent, **platform, **site.settings},
                "keys": asdict(keys),
                "pump": False,
            },
            environment=os.environ | platform,
            log=self._logs / f"{site.name}.log",
        )
        host.launch()
        try:
            site.url = host.order("open")
        except LocalStackError:
            host.stop()
            raise
        site.host = host

    def _unpacked(self, site: Site) -> Path:
        """Fetch the package, and unpack it into an empty folder unless that was done."""
        package = self._get(site, site.package_address)
        folder = self._folder / site.name / hashlib.sha256(package).hexdigest()
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(package)) as archive:
                archive.extractall(folder)
        return folder

    def _put(self, site: Site, address: str, body: bytes) -> None:
        headers = {**self._authorized(site), "x-ms-blob-type": "BlockBlob"}
        with self._data_plane() as client:
            client.put(address, content=body, headers=headers).raise_for_status()

    def _get(self, site: Site, address: str) -> bytes:
        with self._data_plane() as client:
            return client.get(address, headers=self._authorized(site)).raise_for_status().content

    def _authorized(self, site: Site) -> dict[str, str]:
        token = self._identities.issue(site.identity, STORAGE)
        return {"Authorization": f"Bearer {token}", "x-ms-version": API_VERSION}

    def _data_plane(self) -> httpx.Client:
        """Make a client that goes the way that every client of the local cloud goes."""
        trusted = ssl.create_default_context(cafile=self._surroundings["SSL_CERT_FILE"])
        return httpx.Client(
            proxy=self._surroundings["HTTPS_PROXY"], verify=trusted, timeout=CALL_SECONDS_MAX
        )


def _end(site: Site) -> None:
    """Stop what runs."""
    site.url = ""
    if site.host is not None:
        host, site.host = site.host, None
        host.stop()
