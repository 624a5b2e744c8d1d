"""New versions of the keys while requests run: nothing fails, and the old still proves."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from tests.infra.live import Live
from tests.support.layer import sample

from consentry.azure.names import KeyName
from consentry.cli.client import Consents
from consentry.service.manifests import REDACTION, open_signed
from consentry.trust.consents import open_receipt
from local.tenancy import compare, detect

pytestmark = pytest.mark.slow

CALLS_AFTER = 3


def redact_with_manifest(live: Live) -> bytes:
    """Redact a photo over HTTP and fetch its signed manifest."""
    with live.tenancy.client() as client:
        headers = {"Content-Type": "image/jpeg"}
        reply = client.post("/redactions", content=sample("person_a_1.jpg"), headers=headers)
        reply.raise_for_status()
        return client.get(reply.headers["X-Consentry-Manifest"]).raise_for_status().content


def receipt_and_face(live: Live) -> tuple[bytes, str]:
    """Fetch the signed receipt of a consent, and have a template made under it."""
    with Consents(live.tenancy.endpoint, live.tenancy.caller()) as service:
        receipt = service.receipt(live.consent)
    with live.tenancy.client() as client:
        return receipt, detect(client, sample("person_a_1.jpg"), live.consent)


@contextmanager
def requests_run(live: Live) -> Iterator[list[int]]:
    """Send requests without a pause while the block runs; give their statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def send() -> None:
        headers = {"Content-Type": "image/jpeg"}
        with live.tenancy.client() as client:
            while not over.is_set():
                reply = client.post(
                    "/redactions", content=sample("person_a_1.jpg"), headers=headers
                )
                statuses.append(reply.status_code)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield statuses
    finally:
        over.set()
        sender.join()


def test_keys_rotate_under_load_and_the_old_still_verifies(live: Live, tmp_path: Path) -> None:
    before = redact_with_manifest(live)
    receipt, face = receipt_and_face(live)
    live.tenancy.verified_log(tmp_path / "before")
    old = {key.kid for key in live.tenancy.public_keys()}
    [vault] = [
        found
        for name, found in live.machine.real.vaults.made.items()
        if live.tenancy.site.endswith(name.removeprefix("kv-contoso"))
    ]
    with requests_run(live) as statuses:
        for name in KeyName:
            vault.keys[name].rotate()
            redact_with_manifest(live)
    assert len(statuses) > 0
    assert set(statuses) == {HTTPStatus.OK}

    live.machine.real.sites.restart(live.tenancy.site)
    after = redact_with_manifest(live)
    keys = live.tenancy.public_keys()
    assert old < {key.kid for key in keys}
    for manifest in (before, after):
        assert open_signed(manifest, kind=REDACTION, public_keys=keys)
    assert open_receipt(receipt, public_keys=keys).record_id == live.consent
    with live.tenancy.client() as client:
        again = detect(client, sample("person_a_2.jpg"), live.consent)
        assert compare(client, face, again)
    assert live.tenancy.verified_log(tmp_path / "after").whole


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE])
def test_vault_that_is_throttled_or_down_means_no_result(live: Live, status: HTTPStatus) -> None:
    vaults = live.machine.real.vaults.made
    redact_with_manifest(live)
    for vault in vaults.values():
        vault.fails_with = status
    try:
        with live.tenancy.client() as client:
            reply = client.post(
                "/redactions",
                content=sample("person_a_1.jpg"),
                headers={"Content-Type": "image/jpeg"},
            )
    finally:
        for vault in vaults.values():
            vault.fails_with = 0
    assert reply.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    assert reply.headers["Content-Type"].startswith("application/json")
    redact_with_manifest(live)
