"""The end of a job is told where that was asked for: signed, again until taken, and once."""

from dataclasses import replace

import pytest
from tests.support.jobs import SHORT_PIECES, deliver, film, jobs, leftovers
from tests.support.service import TENANT, App, Context, make_world

from consentry.azure.fetch import Fetcher
from consentry.errors import StorageError, UrlError
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.messages import StepMessage
from consentry.service.manifests import JOB, open_signed

HOST = "hooks.contoso.invalid"  # RFC 6761: a name that nobody has
ADDRESS = f"https://{HOST}/done"


class Hosts(Fetcher):
    """The other side, which takes what is sent once it is up."""

    def __init__(self, down: int) -> None:
        super().__init__([HOST])
        self.down = down
        self.taken: list[bytes] = []

    def post(self, url: str, data: bytes, *, media_type: str) -> None:
        self.check(url)
        assert media_type == "application/jose+json"
        if self.down:
            self.down -= 1
            raise UrlError("the address did not take what was sent")
        self.taken.append(data)


@pytest.fixture
def app() -> App:
    world = make_world(None, **SHORT_PIECES, CONSENTRY_CALLBACK_HOSTS=HOST)
    world.approve()
    return App(world)


def ask(app: App, callback: str, expect: int = 202) -> None:
    app.world.drop(f"{TENANT}/film.mp4", film(1), job="wait")
    app.world.arrive(f"{TENANT}/film.mp4")
    asked = {"source": "inbox/film.mp4", "callback": callback}
    app.ask("redact", document=asked, expect=expect)


def tell(app: App, hosts: Hosts, job: Job) -> None:
    """Deliver the message of a job's end."""
    steps = app.world.services.jobs().steps
    steps = replace(steps, notices=replace(steps.notices, hosts=hosts))
    message = StepMessage(tenant=TENANT, job=job.id, state=job.state)
    steps.take(message.model_dump_json().encode(), Context().invocation_id)


def test_address_that_does_not_answer_leaves_the_job_as_it_is(app: App) -> None:
    ask(app, ADDRESS)
    deliver(app.world)
    [job] = jobs(app.world, TENANT)
    assert (job.state, job.told, leftovers(app.world)) == (State.DONE, False, [])


def test_notice_is_signed_and_sent_until_it_is_taken_once(app: App) -> None:
    ask(app, ADDRESS)
    deliver(app.world)
    [job] = jobs(app.world, TENANT)
    hosts = Hosts(down=1)
    with pytest.raises(StorageError):
        tell(app, hosts, job)
    for _ in range(2):
        tell(app, hosts, job)
    [notice] = hosts.taken
    keys = app.world.services.signing_key.public_keys()
    told = open_signed(notice, kind=JOB, public_keys=keys)
    assert (told["job"], told["state"], told["tenant"]) == (job.id, "done", TENANT)


@pytest.mark.parametrize(
    "address", ["http://hooks.contoso.invalid/done", "https://other.example/", "nowhere"]
)
def test_callback_to_a_host_that_is_not_allowed_starts_nothing(app: App, address: str) -> None:
    ask(app, address, expect=400)
    assert jobs(app.world, TENANT) == []
