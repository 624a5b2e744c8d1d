"""The package: small, the same from the same commit, and enough to redact a photo by itself."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.support.layer import sample

from consentry.cli.firststeps import approve, make_key
from consentry.cli.local import issuer_of
from consentry.errors import LocalStackError
from consentry.localhost.stack import Stack
from consentry.service.settings import Settings
from consentry.trust.operations import Capability
from consentry.vision import Vision
from consentry.vision.layer import pinned

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / ".consentry" / "layer"
PACKAGE = "consentry-package.zip"
BYTES_MAX = 150_000_000
SITE_PACKAGES = ".python_packages/lib/site-packages"


def build(dist: Path) -> str:
    """Build the package as `make package` does; give what it printed."""
    command = [sys.executable, str(ROOT / "tools" / "package.py"), "--dist", str(dist)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def unpacked(dist: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(dist / PACKAGE) as archive:
        archive.extractall(tmp_path / "app")
    return tmp_path / "app"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_commit_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    assert "MB packed" in build(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {PACKAGE, "consentry-package.cdx.json"}
    assert all(digest(tmp_path / name) == digest(dist / name) for name in names)


def test_package_is_within_its_size_and_readable_on_azure(dist: Path) -> None:
    assert (dist / PACKAGE).stat().st_size < BYTES_MAX
    with zipfile.ZipFile(dist / PACKAGE) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert len({entry.filename for entry in archive.infolist()}) == len(archive.infolist())


def test_package_holds_what_runs_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(dist / PACKAGE) as archive:
        names = set(archive.namelist())
    assert {"function_app.py", "host.json", "sbom.cdx.json", "consentry/__init__.py"} <= names
    layer = f"layer/{pinned().digest}"
    assert {f"{layer}/manifest.json", *(f"{layer}/{m.file}" for m in pinned().models)} <= names
    for foreign in (
        "consentry/localhost/",
        "consentry/cli/",
        "consentry/evaluate/",
        "tests/",
        "infra/",
    ):
        assert not [name for name in names if name.startswith(foreign)]
    for package in ("onnx", "cv2", "pytest", "pulumi", "typer", "uvicorn"):
        assert not [name for name in names if name.startswith(f"{SITE_PACKAGES}/{package}/")]
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert not [name for name in names if "local.settings" in name]
    assert not [name for name in names if "/tests/" in name or name.endswith((".pyi", ".h"))]
    authorities = f"{SITE_PACKAGES}/certifi/cacert.pem"  # whom to trust, not a key
    assert {name for name in names if name.endswith((".pem", ".key"))} == {authorities}


def test_bill_of_materials_lists_every_wheel_and_model(dist: Path) -> None:
    bill = json.loads((dist / "consentry-package.cdx.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    lock = (ROOT / "requirements" / "production.lock").read_text(encoding="utf-8")
    libraries = [part for part in bill["components"] if part["type"] == "library"]
    for part in libraries:
        name = part["purl"].removeprefix("pkg:pypi/").replace("@", "==")
        assert f"{name} " in lock
        assert f"sha256:{part['hashes'][0]['content']}" in lock
    assert len(libraries) == len(re.findall(r"^[a-z0-9-]+==", lock, re.MULTILINE))
    models = {
        part["name"]: part["hashes"][0]["content"]
        for part in bill["components"]
        if part["type"] == "machine-learning-model"
    }
    assert models == {model.name: model.sha256 for model in pinned().models}
    assert all(part.get("licenses") for part in bill["components"])


def test_unpacked_package_redacts_a_photo_by_itself(unpacked: Path) -> None:
    # The worker starts isolated: interpreter, package, and the host's side of the worker.
    with Stack(ROOT, unpacked, settings={"CONSENTRY_LAYER": "layer"}) as stack:
        issuer = issuer_of(Settings.load(stack.environment))
        approve(stack.url, issuer, "contoso", [Capability.REDACT])
        key = make_key(stack.url, issuer, "contoso")
        reply = httpx.post(
            f"{stack.url}/redactions",
            content=sample("city.jpg"),
            headers={"Ocp-Apim-Subscription-Key": key, "Content-Type": "image/jpeg"},
            timeout=60,
        )
    assert reply.status_code == 200, reply.text
    assert Image.open(BytesIO(reply.content)).size == Image.open(BytesIO(sample("city.jpg"))).size
    vision = Vision(LAYER, 2)
    assert vision.detect(vision.read(sample("city.jpg")))
    assert not vision.detect(vision.read(reply.content))


def test_worker_of_a_package_sees_nothing_outside_it(unpacked: Path) -> None:
    shutil.rmtree(unpacked / SITE_PACKAGES / "pydantic")
    with (
        pytest.raises(LocalStackError, match="No module named 'pydantic'"),
        Stack(ROOT, unpacked, settings={"CONSENTRY_LAYER": "layer"}),
    ):
        pytest.fail("the worker took a dependency that the package does not hold")
