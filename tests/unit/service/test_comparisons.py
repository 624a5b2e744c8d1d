"""Two photographs in one form: the answer of face ids without a trace, and nothing but 1:1."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.support.consenting import ConsentingApp
from tests.support.governance import POLICY
from tests.support.layer import sample, vision
from tests.support.service import TENANT, World, make_world

from consentry.azure.names import Container, TableName
from consentry.limits import FORM_MEMORY_BYTES_MAX, FORM_PARTS_MAX, VERIFICATION_BYTES_MAX
from consentry.trust.operations import Capability
from consentry.trust.policy import ConsentRule
from consentry.trust.tripwire import Mark

FIRST, SECOND, OTHER = (sample(f"person_{name}.jpg") for name in ("a_1", "a_2", "b_1"))
Files = Mapping[str, bytes]


class Counter(ConsentingApp):
    """A tenant who compares photographs over a counter."""

    def compare(
        self,
        files: Files,
        texts: Mapping[str, str] | None = None,
        *,
        consent: str,
        expect: int = 200,
    ) -> Any:
        """Send a form as an HTTP client makes it."""
        form = httpx.Request("POST", "http://counter.example", files=files, data=texts or {})
        return self.send(form.read(), form.headers["content-type"], consent, expect)

    def send(self, body: bytes, content_type: str, consent: str, expect: int) -> Any:
        """Send a body, well-formed or not."""
        return self.ask(
            "verify_pictures",
            body=body,
            content_type=content_type,
            x_consentry_consent=consent,
            expect=expect,
        )

    def by_face_ids(self, consent: str, *photographs: bytes) -> Any:
        """Ask the same in Azure AI Face's three calls."""
        ids = [
            self.ask("detect", body=one, x_consentry_consent=consent)[0]["faceId"]
            for one in photographs
        ]
        return self.ask("verify", document={"faceId1": ids[0], "faceId2": ids[1]})

    def counted(self) -> int:
        """How often anything was shown to the tripwire."""
        rows = self.world.tables[TableName.QUOTAS].query(TENANT, row_prefix="seen:")
        counts = (row.values.get("count", 0) for row in rows)
        return sum(count for count in counts if isinstance(count, int))


@pytest.fixture(scope="module")
def counter() -> Counter:
    world = make_world()
    world.approve(consent=ConsentRule.REQUIRED, rate_per_minute=600)
    return Counter(world)


@pytest.fixture(scope="module")
def consent(counter: Counter) -> str:
    return counter.give("p-1")


def _pair(first: bytes = FIRST, second: bytes = SECOND) -> Files:
    return {"probe": first, "reference": second}


def _kept(world: World) -> list[str]:
    rows = [row.row for row in world.tables[TableName.TEMPLATES].query()]
    blobs = [
        name for place in Container if place is not Container.AUDIT for name in world.names(place)
    ]
    return rows + blobs


def test_two_photographs_say_what_their_face_ids_say_and_leave_no_trace(
    counter: Counter, consent: str
) -> None:
    for second, identical in ((SECOND, True), (OTHER, False)):
        told = counter.compare(_pair(second=second), consent=consent)
        assert _kept(counter.world) == []
        record = counter.world.records()[-1]
        assert (record["operation"], record["outcome"]) == ("verify_pictures", "ok")
        assert record["counts"] == {"comparisons": 1, "faces": 2}
        assert record["consent"]["receipt"] == consent
        assert len(record["inputs"]) == 2
        assert set(record["models"]) == {"detector", "embedder", "second_embedder"}
        assert told["isIdentical"] is identical
    expected = counter.by_face_ids(consent, FIRST, OTHER)
    assert told["confidence"] == pytest.approx(expected["confidence"], abs=0.005)
    assert {name: told[name] for name in expected if name != "confidence"} == {
        name: value for name, value in expected.items() if name != "confidence"
    }


def test_reply_shows_which_face_was_compared_and_how_good_it_is(
    counter: Counter, consent: str
) -> None:
    crowd = sample("city.jpg")
    faces = vision().detect(vision().read(crowd))
    box = faces[2].box
    named = f"{box.left:.0f},{box.top:.0f},{box.width:.0f},{box.height:.0f}"
    files = _pair(second=crowd)
    told = counter.compare(files, {"referenceFace": named}, consent=consent)["reference"]
    assert told["faceRectangle"]["left"] == pytest.approx(box.left, abs=2)
    assert told["faceRectangle"]["width"] == pytest.approx(box.width, abs=2)
    assert told["qualityForRecognition"] in {"low", "medium", "high"}
    nowhere = {"referenceFace": "0,0,8,8"}
    refused = counter.compare(files, nowhere, consent=consent, expect=404)
    assert refused["error"]["code"] == "FaceNotFound"


def test_without_consent_nothing_is_looked_at_or_counted(counter: Counter) -> None:
    ended = counter.give("p-2")
    counter.withdraw(ended)
    before = counter.counted()
    for named, reason in (("", "consent_missing"), (ended, "consent_withdrawn")):
        told = counter.compare(_pair(), consent=named, expect=403)
        assert told["error"]["code"] == "ConsentRequired"
        record = counter.world.records()[-1]
        assert (record["allowed"], record["reason"]) == (False, reason)
        assert "inputs" not in record
    assert counter.counted() == before


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        ({"probe": FIRST}, {}),
        ({**_pair(), "third": OTHER}, {}),
        (_pair(), {"subject": "p-1"}),
        (_pair(), {"probeFace": "here"}),
        ({"probe": FIRST}, {"reference": "no file"}),
    ],
)
def test_form_with_more_or_less_than_two_photographs_is_refused(
    counter: Counter, consent: str, files: Files, texts: Mapping[str, str]
) -> None:
    before = counter.counted()
    told = counter.compare(files, texts, consent=consent, expect=400)
    assert told["error"]["code"] == "BadArgument"
    assert counter.counted() == before


def test_body_that_is_no_sound_form_is_refused(counter: Counter, consent: str) -> None:
    form = httpx.Request("POST", "http://counter.example", files=_pair())
    body, kind = form.read(), form.headers["content-type"]
    boundary = kind.partition("boundary=")[2].encode()
    part = b'--%b\r\nContent-Disposition: form-data; name="probe"; filename="%d"\r\n\r\nx\r\n'
    doubled = b"".join(part % (boundary, number) for number in range(2)) + b"--%b--" % boundary
    many = b"".join(part % (boundary, number) for number in range(FORM_PARTS_MAX + 1))
    long_text = httpx.Request(
        "POST",
        "http://counter.example",
        files=_pair(),
        data={"probeFace": "1" * (FORM_MEMORY_BYTES_MAX + 1)},
    )
    for sent, content_type, status in (
        (body, "application/octet-stream", 400),
        (body, "multipart/form-data", 400),
        (body, "multipart/form-data; boundary=other", 400),
        (body, "multipart/form-data; boundary=ä", 400),
        (body[: len(body) // 2], kind, 400),
        (b"", kind, 400),
        (b"\0" * 2000, kind, 400),
        (doubled, kind, 400),
        (many + b"--%b--" % boundary, kind, 413),
        (long_text.read(), long_text.headers["content-type"], 413),
        (b"x" * (VERIFICATION_BYTES_MAX + 1), kind, 413),
    ):
        told = counter.send(sent, content_type, consent, status)
        assert told["error"]["code"] in {"BadArgument", "RequestTooLarge"}
        assert counter.world.records()[-1]["outcome"] == told["error"]["code"]


@pytest.mark.parametrize(
    ("photograph", "code"),
    [
        (b"x" * 100, "InvalidImageSize"),
        (b"x" * 2000, "InvalidImage"),
        (FIRST[: len(FIRST) // 2], "InvalidImage"),
    ],
)
def test_file_that_is_no_photograph_fails_the_call(
    counter: Counter, consent: str, photograph: bytes, code: str
) -> None:
    for pair in (_pair(first=photograph), _pair(second=photograph)):
        told = counter.compare(pair, consent=consent, expect=400)
        assert told["error"]["code"] == code
        assert "counts" not in counter.world.records()[-1]


def test_what_was_asked_for_is_counted_even_if_it_shows_no_face(
    counter: Counter, consent: str
) -> None:
    before = counter.counted()
    landscape = sample("city.jpg")
    box = {"referenceFace": "0,0,8,8"}
    counter.compare(_pair(second=landscape), box, consent=consent, expect=404)
    assert counter.counted() == before + 3  # two pictures and the subject


def test_photograph_beyond_its_bound_gets_no_answer() -> None:
    assert POLICY.tripwire is not None
    world = make_world()
    world.approve()
    counter = Counter(world)
    counter.compare(_pair(), consent="p-9")
    probe = world.records()[-1]["inputs"][0]
    now = world.clock()
    for number in range(POLICY.tripwire.picture_max - 1):
        shown = [(Mark.PICTURE, probe), (Mark.PICTURE, f"{number:064}")]
        alarm = world.services.tripwire.note(TENANT, shown, matched=True, since=now, now=now)
        assert alarm is None
    told = counter.compare(_pair(second=OTHER), consent="p-8", expect=403)
    assert told == {"error": {"code": "Refused", "message": told["error"]["message"]}}
    record = world.records()[-1]
    assert (record["allowed"], record["reason"]) == (False, "repeated_picture")


def test_photograph_that_passes_its_bound_beside_one_without_a_face_is_noticed_too() -> None:
    assert POLICY.tripwire is not None
    world = make_world()
    world.approve()
    counter = Counter(world)
    counter.compare(_pair(), consent="p-9")
    probe = world.records()[-1]["inputs"][0]
    now = world.clock()
    for _ in range(POLICY.tripwire.picture_max - 1):
        shown = [(Mark.PICTURE, probe)]
        world.services.tripwire.note(TENANT, shown, matched=None, since=now, now=now)
    nowhere = {"referenceFace": "0,0,8,8"}
    counter.compare(_pair(second=OTHER), nowhere, consent="p-8", expect=403)
    assert world.records()[-1]["reason"] == "repeated_picture"
    standing = world.tables[TableName.QUOTAS].get(TENANT, "watch")
    assert standing is not None
    assert len(json.loads(str(standing.values["trips"]))) == 1


def test_consent_withdrawn_while_two_photographs_are_compared_gives_no_answer(
    counter: Counter, consent: str
) -> None:
    counter.compare(_pair(), consent=consent)  # the gate leases calls: from here on it inserts none
    ending = counter.give("p-3")
    counters = counter.world.tables[TableName.QUOTAS]
    go_on = counters.faults.hold("insert")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(counter.compare, _pair(), consent=ending, expect=403)
        counters.faults.wait_for_held()  # the consent was looked at, and the subject is counted
        counter.withdraw(ending)
        go_on()
        told = asked.result()
    assert told["error"]["code"] == "ConsentRequired"
    record = counter.world.records()[-1]
    assert (record["outcome"], record["reason"]) == ("release_failed", "consent_withdrawn")


def test_without_an_approval_for_verification_nothing_is_looked_at() -> None:
    world = make_world()
    world.approve()
    world.revoke(Capability.VERIFY)
    Counter(world).compare(_pair(), consent="p-1", expect=403)
    record = world.records()[-1]
    assert (record["allowed"], record["operation"]) == (False, "verify_pictures")
    assert "inputs" not in record
