"""The check of an app finds what Azure would find, without starting anything."""

from pathlib import Path

import pytest
from tests.support.sample import ROOT, SAMPLE_APP

from consentry.localhost.check import check_app

HEAD = """
import azure.functions as func
app = func.FunctionApp()
"""


def _check(folder: Path, source: str) -> tuple[bool, str]:
    (folder / "function_app.py").write_text(HEAD + source)
    (folder / "host.json").write_text('{"version": "2.0"}')
    return check_app(ROOT, folder)


def test_sound_app_is_listed_with_its_triggers() -> None:
    sound, text = check_app(ROOT, SAMPLE_APP)
    assert sound
    lines = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert lines["echo"] == "http   GET,POST /api/echo/{kind:alpha}/{id:int?} (anonymous)"
    assert lines["arrived"] == "blob   inbox/{owner}/{name} (EventGrid)"
    assert lines["worked"] == "queue  work-items"
    assert lines["ticked"] == "timer  */1 * * * * *"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        ("", "no functions"),
        ('@app.route("a")\ndef one(wrong: func.HttpRequest) -> str: ...', "not in the function"),
        ('@app.blob_trigger("b", path="c/{d}", connection="E")\ndef one(b: bytes) -> None: ...',
         "only supports EventGrid"),
        ('@app.timer_trigger("t", schedule="0 * * * * *")\n'
         '@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")\n'
         "def one(t: func.TimerRequest) -> None: ...", "retry policies"),
        ('@app.route("a")\n@app.function_name("1st")\ndef one(req: func.HttpRequest) -> str: ...',
         "not a name"),
        ('@app.route("a")\ndef one(req: func.HttpRequest) -> str: ...\n'
         '@app.route("A")\ndef two(req: func.HttpRequest) -> str: ...', "same route and method"),
    ],
)  # fmt: skip
def test_unsound_app_is_refused_with_the_reason(tmp_path: Path, source: str, reason: str) -> None:
    sound, text = _check(tmp_path, source)
    assert not sound
    assert reason in text


def test_app_without_host_json_is_refused(tmp_path: Path) -> None:
    sound, text = check_app(ROOT, tmp_path)
    assert not sound
    assert text == "The function app has no host.json."
