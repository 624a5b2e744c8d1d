"""Publishing: over TLS to the endpoint that the app names, with a token, until the app answers."""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from tests.infra.registered import Stack
from tests.infra.test_engine import write_package

from consentry_infra.publish import Publisher, PublishError, PublishProvider
from local.identity import Who
from local.kinds import PREFIX
from local.machine import Machine, machine


class Credential:
    """Gives one token, like a signed-in identity."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self.token, 0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path, real=False) as found:
        yield found


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    return write_package(tmp_path / "package.zip", "code")


@pytest.fixture
def site(running: Machine, stack: Stack) -> str:
    """An app without code."""
    for kind in ("resources:ResourceGroup", "web:AppServicePlan"):
        running.cloud.create(f"{PREFIX}{kind}", stack.one(kind).inputs)
    app = stack.one("web:WebApp").inputs
    bare = {**app, "identity": {"userAssignedIdentities": []}, "functionAppConfig": {}}
    running.cloud.create(f"{PREFIX}web:WebApp", bare)
    return str(app["name"])


@pytest.fixture
def client(running: Machine) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=running.surroundings["SSL_CERT_FILE"])
    with httpx.Client(verify=trusted, proxy=running.surroundings["HTTPS_PROXY"]) as found:
        yield found


def token_of(environment: dict[str, str]) -> str:
    """A token for the management plane, as its owner's environment leads to it."""
    answer = httpx.get(
        environment["IDENTITY_ENDPOINT"],
        params={"resource": "https://management.azure.com"},
        headers={"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"]},
    )
    return str(answer.json()["access_token"])


def publish(client: httpx.Client, credential: Credential, site: str, package: Path) -> str:
    hosts = (f"{site}.scm.azurewebsites.net", f"{site}.azurewebsites.net")
    return Publisher(client, credential, pause=lambda _seconds: None).publish(*hosts, package)


def test_package_arrives_whole_and_by_the_identity_of_the_operator(
    running: Machine, client: httpx.Client, site: str, zipped: Path
) -> None:
    credential = Credential(token_of(running.operator))
    publish(client, credential, site, zipped)
    assert running.cloud.published == [hashlib.sha256(zipped.read_bytes()).hexdigest()]
    assert set(credential.scopes) == {"https://management.azure.com/.default"}


def test_strangers_publish_nothing(
    running: Machine, client: httpx.Client, site: str, zipped: Path
) -> None:
    somebody = running.environment(Who("99999999-9999-4999-8999-999999999999"))
    for token, status in (("guess", 401), (token_of(somebody), 403)):
        with pytest.raises(PublishError, match=str(status)):
            publish(client, Credential(token), site, zipped)
    assert running.cloud.published == []


def test_file_that_is_no_app_is_refused(
    running: Machine, client: httpx.Client, site: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(PublishError, match="400"):
        publish(client, Credential(token_of(running.operator)), site, path)
    assert running.cloud.published == []


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
    zipped: Path, verdict: dict[str, int], health: int, said: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, text='"id"')
        if request.url.path == "/health":
            return httpx.Response(health)
        return httpx.Response(200, json=verdict)

    with pytest.raises(PublishError, match=said):
        replying(answer).publish("app.scm.example", "app.example", zipped)


def test_deployment_service_may_be_away_while_it_deploys(zipped: Path) -> None:
    answers = iter([503, 404, 200])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, text='"id"')
        if request.url.path == "/health":
            return httpx.Response(200)
        return httpx.Response(next(answers), json={"status": 4})

    assert replying(answer).publish("app.scm.example", "app.example", zipped) == "id"


def test_only_another_package_or_another_app_is_a_change() -> None:
    old = {"app_id": "a", "package_digest": "d", "package": "x", "authority": "y"}
    provider = PublishProvider()
    assert not provider.diff("a", old, {**old, "package": "elsewhere"}).changes
    changed = provider.diff("a", old, {**old, "package_digest": "e"})
    assert (changed.changes, changed.replaces) == (True, [])
    assert provider.diff("a", old, {**old, "app_id": "b"}).replaces == ["app_id"]
