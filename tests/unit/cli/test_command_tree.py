"""The tree of commands, their help, and the two forms in which errors are shown."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.support.command_line import Consentry

from consentry import cli
from consentry.cli.answer import Answer, Output, cure
from consentry.cli.app import COMMANDS
from consentry.cli.places import TRACE_VARIABLE
from consentry.errors import ConsentryError, RefusedError

HEAVY = ("numpy", "onnxruntime", "azure", "httpx", "uvicorn", "pydantic", "onnx", "PIL")


def kinds(base: type[ConsentryError] = ConsentryError) -> Iterator[type[ConsentryError]]:
    """All errors of the tree below ``base``."""
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def an(kind: type[ConsentryError]) -> ConsentryError:
    """Make an error of a kind."""
    return kind("why", reason="because") if issubclass(kind, RefusedError) else kind("why")


def outputs(*, as_json: bool) -> tuple[Output, io.StringIO, io.StringIO]:
    """Make an output that can be read back."""
    out, err = io.StringIO(), io.StringIO()
    return Output(as_json, out, err), out, err


@pytest.mark.parametrize("words", [words for words, _, _ in COMMANDS])
def test_help_of_every_command_shows_an_example(consentry: Consentry, words: str) -> None:
    ran = consentry(*words.split(), "--help")
    assert ran.code == 0
    assert f"Example: consentry {words}" in " ".join(ran.out.split())


@pytest.mark.parametrize("words", [words for words, _, _ in COMMANDS])
def test_wrong_use_of_every_command_is_told_as_one_document(
    consentry: Consentry, words: str
) -> None:
    ran = consentry(*words.split(), "--no-such-option", "--json")
    assert ran.code == 2
    assert ran.document["error"]["code"] == "Usage"
    assert ran.err == ""


def test_no_command_at_all_shows_the_help(consentry: Consentry) -> None:
    ran = consentry()
    assert ran.code == 0
    assert "redact" in ran.out


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from consentry.cli.app import run; code = run(['--help']);"
        f"print(sorted(set(sys.modules) & set({HEAVY})), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_every_error_has_a_documented_exit_code_and_a_cure() -> None:
    documented = {
        line.split()[0] for line in (cli.__doc__ or "").splitlines() if line[4:5].isdigit()
    }
    for kind in kinds():
        output, _, err = outputs(as_json=False)
        code = output.fail(an(kind))
        assert code != 0
        assert str(code) in documented
        assert cure(an(kind))
        assert err.getvalue() == f"{kind.code}: why\n  {cure(an(kind))}\n"


def test_an_error_is_one_document_too() -> None:
    for kind in kinds():
        output, out, err = outputs(as_json=True)
        output.fail(an(kind))
        assert json.loads(out.getvalue())["error"]["code"] == kind.code
        assert err.getvalue() == ""


def test_a_bug_is_told_in_two_lines_without_its_trace() -> None:
    output, out, err = outputs(as_json=False)
    assert output.bug(ZeroDivisionError("a secret")) == 70
    assert out.getvalue() == ""
    assert "a secret" not in err.getvalue()
    assert TRACE_VARIABLE in err.getvalue()
    assert err.getvalue().count("\n") == 2


def test_the_trace_of_a_bug_is_shown_on_demand() -> None:
    script = (
        "from consentry.cli.answer import Output; Output.standard(as_json=True).bug(KeyError('x'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={TRACE_VARIABLE: "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "KeyError: 'x'" in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "InternalError"


def test_an_answer_of_no_exits_with_1() -> None:
    output, out, _ = outputs(as_json=False)
    assert output.show(Answer({}, ["it is not so"], yes=False)) == 1
    assert out.getvalue() == "it is not so\n"


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "consentry.cli", "layer", "show", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [model["role"] for model in json.loads(done.stdout)["models"]] == [
        "detector",
        "second_detector",
        "embedder",
        "second_embedder",
    ]
