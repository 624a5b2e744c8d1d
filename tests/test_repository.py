"""The repository itself: locks, lists and examples say what the code says."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from model_cards import PAGE, rewritten

from consentry import cli
from consentry.cli.app import COMMANDS
from consentry.service.settings import Settings
from registry import register_all
from wire import STATUS

ROOT = Path(__file__).resolve().parent.parent
LOCKS = tuple(f"requirements/{name}.lock" for name in ("production", "dev", "infra"))
# Written in parts, so that this file does not contain what it looks for.
MACHINE_PATHS = re.compile(
    "|".join(f"/{name}/" for name in ("root", "work", "home", "Users", "tmp"))
)
MARKS = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")))
BINARY_SUFFIXES = {
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif"),
    *(".mp4", ".onnx", ".tflite", ".bin", ".dat", ".npz", ".npy", ".zip", ".whl", ".gz"),
}
MODULE_LINES_MAX = 400


def committed() -> list[Path]:
    """Files that belong to the repository."""
    command = ["git", "ls-files", "--cached"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def project() -> dict[str, list[str]]:
    """Names of direct dependencies: ``deployed`` and each extra."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"deployed": declared["dependencies"], **declared["optional-dependencies"]}
    return {
        group: [re.split(r"[=<>\[; ]", item)[0] for item in items]
        for group, items in groups.items()
    }


def pins(lock: str) -> dict[str, str]:
    """Versions by package of a lock file."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_python_lock_names_no_registry_and_hashes_every_package(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(pins(lock)) > 20
    assert all("--hash=sha256:" in block for block in blocks)


def test_locks_hold_every_direct_dependency_and_agree() -> None:
    production, development, infrastructure = (pins(lock) for lock in LOCKS)
    groups = project()
    assert set(groups["deployed"]) <= production.keys()
    assert {*groups["local"], *groups["test"]} <= development.keys()
    assert set(groups["infra"]) <= infrastructure.keys()
    assert production.items() <= development.items() <= infrastructure.items()


def test_npm_lock_names_no_registry_and_hashes_every_package() -> None:
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    packages = json.loads(text)["packages"]
    packages.pop("")
    assert len(packages) > 20
    assert not any("resolved" in package for package in packages.values())
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())


def test_list_of_dependencies_is_complete_and_gives_reason_and_licence() -> None:
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z][\w-]+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    listed = [name for name, _, _ in rows if name != "package"]
    npm = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    direct = {name for names in project().values() for name in names} | npm.keys()
    assert sorted(listed) == sorted(direct)
    assert all(reason.strip() and licence.strip() for _, reason, licence in rows)


def test_settings_example_names_every_setting_and_is_valid() -> None:
    example = json.loads((ROOT / "local.settings.example.json").read_text(encoding="utf-8"))
    values: dict[str, str] = example["Values"]
    ours = {name for name in values if name.startswith("CONSENTRY_")}
    assert ours == {f"CONSENTRY_{field.upper()}" for field in Settings.model_fields}
    assert Settings.load(values).environment == "development"


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed()
        for number, line in enumerate(_lines(path), 1)
        if MACHINE_PATHS.search(line)
    ]
    assert found == []


def test_no_file_is_left_unfinished() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed()
        if path.suffix in {".py", ".toml", ".md", ""}
        for number, line in enumerate(_lines(path), 1)
        if MARKS.search(line)
    ]
    assert found == []


def test_no_photograph_and_no_weights_are_committed() -> None:
    assert [path.name for path in committed() if path.suffix.lower() in BINARY_SUFFIXES] == []


def test_no_module_is_too_long_to_read() -> None:
    long = [
        path.name
        for path in committed()
        if path.suffix == ".py"
        and "tests" not in path.parts
        and len(_lines(path)) > MODULE_LINES_MAX
    ]
    assert long == []


def test_readme_links_lead_somewhere_and_targets_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert set(re.findall(r"`make ([a-z-]+)`", readme)) <= targets


def test_readme_lists_every_error_code_with_its_status() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", readme, re.MULTILINE)
    assert {code: int(status) for code, status in listed} == STATUS


def test_readme_lists_every_route() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    apis = register_all(lambda: pytest.fail("no service is needed to register functions"))
    routes = {
        f"{method} /{endpoint.route}"
        for api in apis
        for endpoint in api.endpoints
        for method in endpoint.methods
        if endpoint.name != "one_to_many"
    }
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]+)`", readme)) == routes


def test_readme_lists_every_command_and_exit_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = " ".join(re.findall(r"^\| (`.+`) \| .+ \|$", readme, re.MULTILINE))
    for words, _, _ in COMMANDS:
        assert f"`{words}" in rows or f"`{words.split()[0]}`" in rows
    codes = re.findall(r"^    (\d+) ", cli.__doc__ or "", re.MULTILINE)
    [sentence] = re.findall(r"^Exit codes: (.+?)\n\n", readme, re.MULTILINE | re.DOTALL)
    assert re.findall(r"(?:^|; )(\d+)", " ".join(sentence.split())) == codes


def test_model_cards_say_what_was_measured_last() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- figures: ") == page.count("<!-- end of figures -->") >= 5
    assert rewritten(page) == page, "run `make cards`"


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")))
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert len(named) > 50
    assert named - set(re.findall(r"def (test_\w+)\(", sources)) == set()


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [targets] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert re.findall(r"^  make ([a-z-]+) ", listed, re.MULTILINE) == targets.split()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
