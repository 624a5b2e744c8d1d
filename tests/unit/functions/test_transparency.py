"""The transparency page says what the sources say now, to everybody, and loads nothing."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import Any

import azure.functions as func
import pytest
from tests.support.governance import NOW, POLICY, book_with, stricter
from tests.support.service import World, functions_of, handler, http_request, make_world

from consentry import trust
from consentry.errors import IntegrityError
from consentry.service.judging import TARGET_FMR
from consentry.service.transparency import (
    DOES,
    Sources,
    measured,
    parse_measurement,
    sources,
    transparency,
)
from consentry.trust.operations import Capability
from consentry.vision.layer.lock import pinned
from transparency_page import CONTENT_POLICY, page

FIGURES = b"""# Written by `consentry evaluate something --record`; measure again.
data = "made up"
people = 1234
vector = [0.1, 0.2]

[[threshold]]
similarity = 0.4321
fmr = 1.5e-05
fmr_interval = [1e-05, 2e-05]
is_backed = true
"""


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(CONSENTRY_CONTACT="https://operator.example/privacy")


def ask(world: World, accept: str = "*/*", **params: str) -> func.HttpResponse:
    request = http_request(world, method="GET", tenant=None, params=params, accept=accept)
    reply: func.HttpResponse = handler(functions_of(world.services), "transparency")(request)
    return reply


def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(world, format="json").get_body())
    return found


def given(world: World, **changes: Any) -> Sources:
    return replace(sources(POLICY, world.services.settings), **changes)


def test_anybody_may_read_it_and_nothing_is_recorded(world: World) -> None:
    reply = ask(world)
    assert reply.status_code == 200
    assert world.records() == []
    for text in (reply.get_body().decode(), ask(world, "text/html").get_body().decode()):
        assert not [tenant for tenant in world.services.settings.tenants if tenant in text]


def test_it_tells_of_the_policy_file_in_force_and_every_rule_in_it(world: World) -> None:
    file = files(trust) / "policies" / f"{POLICY.version}.toml"
    told = document(world)["policy"]
    assert told["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told["version"] == POLICY.version
    assert [rule["sentence"] for rule in told["refusals"]] == [r.sentence for r in POLICY.refusals]
    uses = [use["title"] for use in (*told["approvableUses"], *told["refusedUses"])]
    assert sorted(uses) == sorted(use.title for use in POLICY.use_cases.values())
    assert "Find missing persons" in [use["title"] for use in told["refusedUses"]]


def test_it_tells_of_every_pinned_model_with_licence_and_hash(world: World) -> None:
    told = {(one["name"], one["licence"], one["sha256"]) for one in document(world)["models"]}
    assert told == {(model.name, model.licence, model.sha256) for model in pinned().models}


def test_it_tells_every_figure_that_a_command_wrote_and_which_command(world: World) -> None:
    folder = files("consentry.vision.measured")
    written = {
        entry.name.rpartition(".")[0]: entry
        for entry in folder.iterdir()
        if entry.name.endswith((".toml", ".json"))
    }
    told = {one["name"]: one for one in document(world)["measurements"]}
    assert told.keys() == written.keys() >= {"detection", "redaction"}
    for name, one in told.items():
        assert one["sha256"] == hashlib.sha256(written[name].read_bytes()).hexdigest()
        assert one["writtenBy"].startswith("consentry evaluate ")
    made_up = given(world, measurements=(parse_measurement("verification.toml", FIGURES),))
    [one] = transparency(made_up, NOW)["measurements"]
    assert one["facts"] == {"data": "made up", "people": 1234}
    assert one["rows"] == [
        {"similarity": 0.4321, "fmr": 1.5e-05, "fmr_interval": [1e-05, 2e-05], "is_backed": True}
    ]
    html = page(transparency(made_up, NOW))
    for shown in ("made up", "1,234", "0.4321", "1.5e-05", "1e-05 to 2e-05", "yes"):
        assert shown in html


def test_rates_below_names_become_rows_and_speed_is_no_error_rate() -> None:
    figures = {
        "writtenBy": "consentry evaluate detection --record",
        "data": "made up",
        "ms_per_picture": 9.5,
        "models": {"detector": "ab"},
        "coverage_by_group": {"skin": {"IV": {"share": 0.5, "cases": 2, "interval": [0.1, 0.9]}}},
    }
    found = parse_measurement("detection.json", json.dumps(figures).encode())
    assert (found.name, found.facts) == ("detection", {"data": "made up"})
    assert found.rows == (
        {
            "rate": "coverage_by_group",
            "of": "skin, IV",
            "share": 0.5,
            "cases": 2,
            "interval": [0.1, 0.9],
        },
    )


def test_figures_that_no_command_wrote_are_refused() -> None:
    with pytest.raises(IntegrityError):
        parse_measurement("verification.toml", FIGURES.replace(b"# Written by", b"# By hand:"))


def test_it_tells_contact_place_retention_and_that_there_is_no_liveness_check() -> None:
    world = make_world(CONSENTRY_QUARANTINE_DAYS="3", CONSENTRY_JURISDICTION="US-IL")
    told = document(world)
    assert told["contact"] == "privacy@operator.example"
    assert told["jurisdiction"] == "US-IL"
    assert told["retention"]["days"]["quarantine"] == 3
    assert told["livenessCheck"] is False
    assert any("no liveness check" in sentence for sentence in told["doesNot"])
    assert told["does"].keys() == set(Capability) == DOES.keys()


def test_it_tells_the_bounds_of_the_tripwire_and_what_approvals_keep_to(world: World) -> None:
    told = document(world)["thresholds"]
    assert POLICY.tripwire is not None
    assert told["tripwire"].items() >= POLICY.tripwire.model_dump().items()
    assert told["tripwire"]["false_alarm_calls_at_half_the_non_matches"] > 10**9
    assert told["requirements"]["verify"]["target_fmr_max"] == 0.001
    assert told["falseMatchRateUnlessDecided"] == TARGET_FMR


def test_another_policy_another_model_or_another_setting_is_told_at_once() -> None:
    later = stricter(NOW + timedelta(hours=1))
    world = make_world(book_with(later))
    assert document(world)["policy"]["version"] == POLICY.version
    world.clock.advance(hours=1)
    assert (
        document(world)["policy"] | {"version": later.version, "digest": later.digest}
        == (document(world)["policy"])
    )
    models = tuple(replace(model, licence="Made-Up-1.0") for model in pinned().models)
    settings = world.services.settings.model_copy(update={"contact": "somebody@else.example"})
    changed = page(transparency(given(world, models=models, settings=settings), NOW))
    assert "Made-Up-1.0" in changed
    assert "somebody@else.example" in changed


@pytest.mark.parametrize(
    ("accept", "asked", "media_type"),
    [
        ("*/*", "", "application/json"),
        ("application/json", "", "application/json"),
        ("text/html,application/xhtml+xml;q=0.9", "", "text/html"),
        ("text/html", "json", "application/json"),
        ("application/json", "html", "text/html"),
    ],
)
def test_a_browser_gets_a_page_and_a_program_gets_json(
    world: World, accept: str, asked: str, media_type: str
) -> None:
    reply = ask(world, accept, **({"format": asked} if asked else {}))
    assert reply.mimetype == media_type
    assert reply.headers["Vary"] == "Accept"


def test_an_unknown_format_is_refused(world: World) -> None:
    assert ask(world, format="pdf").status_code == 400


class Outline(HTMLParser):
    """Notes what a page consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_the_page_is_whole_and_loads_and_runs_nothing(world: World) -> None:
    reply = ask(world, "text/html")
    html = reply.get_body().decode()
    outline = Outline(html)
    assert outline.open == []
    assert not {tag for tag, _ in outline.tags} & {"script", "link", "img", "iframe", "form"}
    attributes = [(name, value or "") for _, given in outline.tags for name, value in given.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "style")]
    links = [value for name, value in attributes if name == "href"]
    assert [
        link for link in links if not link.startswith(("#", "?format=json", "https://operator"))
    ] == []
    ids = [value for name, value in attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in links if link.startswith("#")} == set(ids)
    assert reply.headers["Content-Security-Policy"] == CONTENT_POLICY
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_POLICY


def test_the_page_can_be_read_with_a_screen_reader(world: World) -> None:
    html = ask(world, "text/html").get_body().decode()
    outline = Outline(html)
    assert ("html", {"lang": "en"}) in outline.tags
    assert [outline.count(tag) for tag in ("h1", "main", "title", "nav")] == [1, 1, 1, 1]
    assert outline.count("caption") == outline.count("table") >= 5
    assert all(given.get("scope") in ("col", "row") for tag, given in outline.tags if tag == "th")
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_whatever_a_source_says_is_text_on_the_page(world: World) -> None:
    settings = world.services.settings.model_copy(update={"contact": '"><script>x</script>@'})
    html = page(transparency(given(world, settings=settings, measurements=measured()), NOW))
    assert "<script" not in html
    assert Outline(html).open == []
