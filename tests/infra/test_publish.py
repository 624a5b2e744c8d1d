"""Publishing: over TLS to the endpoint that the app names, with a token, until the app answers."""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from tests.infra.test_engine import write_package

from consentry_infra.publish import Publisher, PublishError, PublishProvider
from local.cloud import Cloud
from local.endpoints import Endpoints, endpoints
from local.kinds import Hosts


class Credential:
    """Gives one token, like a signed-in identity."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self.token, 0)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(Hosts("", ""))


@pytest.fixture
def served(cloud: Cloud, tmp_path: Path) -> Iterator[Endpoints]:
    with endpoints(cloud, tmp_path) as found:
        yield found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return write_package(tmp_path / "package.zip", "code")


@pytest.fixture
def token(served: Endpoints) -> str:
    environment = served.environment
    headers = {"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"]}
    answer = httpx.get(environment["IDENTITY_ENDPOINT"], headers=headers)
    return str(answer.json()["access_token"])


@pytest.fixture
def client(served: Endpoints) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=served.environment["SSL_CERT_FILE"])
    with httpx.Client(verify=trusted) as found:
        yield found


def test_package_arrives_whole_and_by_the_identity_of_the_operator(
    cloud: Cloud, served: Endpoints, client: httpx.Client, token: str, package: Path
) -> None:
    credential = Credential(token)
    publisher = Publisher(client, credential)
    deployment = publisher.publish(served.hosts.deployment, served.hosts.app, package)
    assert cloud.published == [hashlib.sha256(package.read_bytes()).hexdigest()]
    assert deployment == cloud.published[0]
    assert set(credential.scopes) == {"https://management.azure.com/.default"}


def test_stranger_publishes_nothing(
    cloud: Cloud, served: Endpoints, client: httpx.Client, package: Path
) -> None:
    with pytest.raises(PublishError, match="401"):
        Publisher(client, Credential("guess")).publish(
            served.hosts.deployment, served.hosts.app, package
        )
    assert cloud.published == []


def test_file_that_is_no_app_is_refused(
    cloud: Cloud, served: Endpoints, client: httpx.Client, token: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(PublishError, match="400"):
        Publisher(client, Credential(token)).publish(
            served.hosts.deployment, served.hosts.app, path
        )
    assert cloud.published == []


def replying(answer: Callable[[httpx.Request], httpx.Response]) -> Publisher:
    """A publisher whose time passes with each pause, against these answers."""
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    client = httpx.Client(transport=httpx.MockTransport(answer))
    return Publisher(client, Credential("t"), pause=pause, ticks=lambda: now[0])


@pytest.mark.parametrize(
    ("verdict", "health", "said"),
    [
        ({"status": 3}, 200, "refused the package"),
        ({"status": 1}, 200, "no verdict"),
        ({"status": 4}, 503, "does not answer"),
    ],
)
def test_deployment_that_does_not_end_well_is_an_error(
    package: Path, verdict: dict[str, int], health: int, said: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, text='"id"')
        if request.url.path == "/health":
            return httpx.Response(health)
        return httpx.Response(200, json=verdict)

    with pytest.raises(PublishError, match=said):
        replying(answer).publish("app.scm.example", "app.example", package)


def test_deployment_service_may_be_away_while_it_deploys(package: Path) -> None:
    answers = iter([503, 404, 200])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, text='"id"')
        if request.url.path == "/health":
            return httpx.Response(200)
        return httpx.Response(next(answers), json={"status": 4})

    assert replying(answer).publish("app.scm.example", "app.example", package) == "id"


def test_only_another_package_or_another_app_is_a_change() -> None:
    old = {"app_id": "a", "package_digest": "d", "package": "x", "authority": "y"}
    provider = PublishProvider()
    assert not provider.diff("a", old, {**old, "package": "elsewhere"}).changes
    changed = provider.diff("a", old, {**old, "package_digest": "e"})
    assert (changed.changes, changed.replaces) == (True, [])
    assert provider.diff("a", old, {**old, "app_id": "b"}).replaces == ["app_id"]
