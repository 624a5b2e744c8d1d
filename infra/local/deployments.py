"""The deployment endpoint of apps: takes packages from whoever deploys, and tells their fate."""

import hashlib
import io
import logging
import threading
import zipfile
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import httpx

from consentry.errors import LocalStackError
from local.cloud import Cloud, RefusedError
from local.identity import MANAGEMENT, Identities
from local.kinds import OPERATOR
from local.wire import RefusedRequestError, Reply, Request, Service, json_reply

DOMAIN: Final = ".scm.azurewebsites.net"
MUST_HOLD: Final = frozenset({"host.json", "function_app.py"})
PENDING, FAILED, SUCCEEDED = 0, 3, 4  # states of a deployment

Deploy = Callable[[str, str, bytes], None]
"""Brings a package into an app: its name, the deployment's number, the package."""

logger = logging.getLogger(__name__)


class Deployments:
    """Serves the deployment endpoint of every app that exists."""

    def __init__(self, cloud: Cloud, identities: Identities, deploy: Deploy) -> None:
        self._cloud = cloud
        self._identities = identities
        self._deploy = deploy
        self._states: dict[tuple[str, str], int] = {}
        self._threads: list[threading.Thread] = []

    def find(self, host: str) -> Service | None:
        """The deployment endpoint of a host name."""
        name = host.removesuffix(DOMAIN)
        if name == host or not _exists(self._cloud, name):
            return None
        return lambda request: self._serve(name, request)

    def stop(self) -> None:
        """Return when no deployment is in work."""
        for thread in self._threads:
            thread.join()

    def _serve(self, name: str, request: Request) -> Reply:
        who = self._identities.read(request.bearer, MANAGEMENT)
        if who is None:
            raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if who.object_id != OPERATOR:
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, "Forbidden")
        match request.method, request.parts:
            case "POST", ["api", "publish"]:
                return self._take(name, request.body)
            case "GET", ["api", "deployments", number] if (name, number) in self._states:
                return json_reply(HTTPStatus.OK, {"status": self._states[name, number]})
        return Reply(HTTPStatus.NOT_FOUND)

    def _take(self, name: str, package: bytes) -> Reply:
        if not _is_app(package):
            return Reply(HTTPStatus.BAD_REQUEST)
        digest = hashlib.sha256(package).hexdigest()
        number = f"{len(self._states) + 1:04d}-{digest[:12]}"
        self._states[name, number] = PENDING
        work = threading.Thread(target=self._work, args=(name, number, digest, package))
        self._threads.append(work)
        work.start()
        return json_reply(HTTPStatus.ACCEPTED, number)

    def _work(self, name: str, number: str, digest: str, package: bytes) -> None:
        try:
            self._cloud.may_fail("publish", name)
            self._deploy(name, number, package)
        except (LocalStackError, RefusedError, httpx.HTTPError) as error:
            logger.warning("The package of %s does not run: %s", name, error)
            self._states[name, number] = FAILED
            return
        self._cloud.publish(name, digest)
        self._states[name, number] = SUCCEEDED


class PaperSites:
    """Apps that are state alone: they answer as soon as a package was taken, and do nothing."""

    def __init__(self, cloud: Cloud, identities: Identities) -> None:
        self._cloud = cloud
        self._deployments = Deployments(cloud, identities, lambda _name, _number, _package: None)

    def find(self, host: str) -> Service | None:
        """What answers to a host name."""
        found = self._deployments.find(host)
        name = host.removesuffix(".azurewebsites.net")
        if found is not None or not _exists(self._cloud, name):
            return found
        return lambda _request: Reply(
            HTTPStatus.OK if self._cloud.runs(name) else HTTPStatus.SERVICE_UNAVAILABLE
        )

    def stop(self) -> None:
        """Return when no deployment is in work."""
        self._deployments.stop()


def _exists(cloud: Cloud, name: str) -> bool:
    return any(site.inputs["name"] == name for site in cloud.of("web:WebApp"))


def _is_app(package: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            return set(archive.namelist()) >= MUST_HOLD
    except zipfile.BadZipFile:
        return False
