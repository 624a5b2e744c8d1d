"""The step that brings the code into the app, as a resource of the graph.

Azure's provider has none for Flex Consumption. This one posts the package to the deployment
endpoint that the app names, waits for the verdict, and waits until the app answers: what comes
after it may rely on running code. Plain Python, which Pulumi runs in a process of its own.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pulumi
from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential
from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider, UpdateResult
from pulumi.dynamic import Resource as DynamicResource

from consentry_infra.digests import file_digest

MANAGEMENT_SCOPE: Final = "https://management.azure.com/.default"
UPLOAD_SECONDS_MAX: Final = 600.0
VERDICT_SECONDS_MAX: Final = 900.0
START_SECONDS_MAX: Final = 300.0
POLL_SECONDS: Final = 3.0
SUCCEEDED: Final = 4  # of the deployment service's states; below 3 it is still at work
FAILED: Final = 3


class PublishError(Exception):
    """The package could not be brought into the app; the message says at which step."""


class Publisher:
    """Brings one package into one app, over its deployment endpoint."""

    def __init__(
        self,
        client: httpx.Client,
        credential: TokenCredential,
        pause: Callable[[float], None] = time.sleep,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._credential = credential
        self._pause = pause
        self._ticks = ticks

    def publish(self, deployment_host: str, app_host: str, package: Path) -> str:
        """Post the package and return the deployment's id when the app answers with it."""
        base = f"https://{deployment_host}/api"
        answer = self._client.post(
            f"{base}/publish",
            params={"RemoteBuild": "false"},
            content=package.read_bytes(),
            headers={**self._authorization(), "Content-Type": "application/zip"},
            timeout=UPLOAD_SECONDS_MAX,
        )
        if answer.status_code not in (httpx.codes.OK, httpx.codes.ACCEPTED):
            raise PublishError(f"The app's deployment endpoint answered {answer.status_code}.")
        deployment = answer.text.strip().strip('"')
        self._await(
            lambda: self._verdict(f"{base}/deployments/{deployment}"),
            VERDICT_SECONDS_MAX,
            "The deployment service gave no verdict on the package in time.",
        )
        self._await(
            lambda: self._answers(f"https://{app_host}/health"),
            START_SECONDS_MAX,
            "The package was deployed, but the app does not answer; its log stream says why.",
        )
        return deployment

    def _authorization(self) -> dict[str, str]:
        token = self._credential.get_token(MANAGEMENT_SCOPE).token
        return {"Authorization": f"Bearer {token}"}

    def _verdict(self, address: str) -> bool:
        answer = self._client.get(address, headers=self._authorization())
        if answer.status_code != httpx.codes.OK:
            return False  # the deployment service restarts while it deploys
        status = answer.json().get("status")
        if status == FAILED:
            raise PublishError("The deployment service refused the package.")
        return bool(status == SUCCEEDED)

    def _answers(self, address: str) -> bool:
        try:
            return self._client.get(address).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _await(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = self._ticks() + seconds
        while not done():
            if self._ticks() >= deadline:
                raise PublishError(otherwise)
            self._pause(POLL_SECONDS)


class PublishProvider(ResourceProvider):
    """Publishes again when the package changed; another app is another publication."""

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare by what reaches the app: which app, and the package's digest."""
        replaced = ["app_id"] if olds["app_id"] != news["app_id"] else []
        changed = bool(replaced) or olds["package_digest"] != news["package_digest"]
        return DiffResult(changes=changed, replaces=replaced)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Publish the package for the first time."""
        return CreateResult(id_=props["app_id"], outs=_published(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Publish another package over the old one."""
        return UpdateResult(outs=_published(news))


def _published(props: dict[str, Any]) -> dict[str, Any]:
    package = Path(props["package"])
    if file_digest(package) != props["package_digest"]:
        raise PublishError("The package changed while it was being deployed.")
    with httpx.Client() as client:
        publisher = Publisher(client, DefaultAzureCredential(authority=props["authority"]))
        deployment = publisher.publish(props["deployment_host"], props["app_host"], package)
    return {**props, "deployment_id": deployment}


class PublishedPackage(DynamicResource, module="consentry", name="PublishedPackage"):
    """The package, running in the app."""

    deployment_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        app_id: pulumi.Input[str],
        app_host: pulumi.Input[str],
        deployment_host: pulumi.Input[str],
        package: Path,
        authority: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            PublishProvider(),
            name,
            {
                "app_id": app_id,
                "app_host": app_host,
                "deployment_host": deployment_host,
                "package": str(package),
                "package_digest": file_digest(package),
                "authority": authority,
                "deployment_id": None,
            },
            opts,
        )
