"""``consentry layer`` and ``consentry samples``: what set-up fetches from pinned packages."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.places import layer_folder, runtime_folder

Folder = Annotated[
    Path | None,
    typer.Option("--layer", help="Folder of the layer. [default: the checkout's .consentry/layer]"),
]


def build(layer: Folder = None) -> Answer:
    """Fetch the pinned packages, check their hashes and assemble the layer and its zip."""
    from consentry.vision.layer import pinned
    from consentry.vision.layer.build import build as assemble

    made = assemble(layer_folder(layer), _progress)
    digest = pinned().digest
    return Answer(
        {"digest": digest, "folder": str(made), "zip": f"{made}.zip"},
        [f"layer {digest}", f"folder {made}", f"zip {made}.zip"],
    )


def verify(layer: Folder = None) -> Answer:
    """Check every file of the layer against the lock file."""
    from consentry.vision.layer import describe
    from consentry.vision.layer import verify as check

    folder = layer_folder(layer)
    check(folder)
    digest = describe(folder)["digest"]
    return Answer({"digest": digest, "whole": True}, [f"The layer {digest} is whole."])


def show(layer: Folder = None) -> Answer:
    """List the models of the layer: role, licence, source, size and hash."""
    from consentry.vision.layer import describe

    described: dict[str, Any] = describe(layer_folder(layer))
    rows = [
        (model["role"], model["name"], model["licence"], model["source"], model["bytes"])
        for model in described["models"]
    ]
    hashes = [f"{model['sha256']}  {model['name']}" for model in described["models"]]
    return Answer(
        described,
        [
            f"layer {described['digest']}",
            table("role", "model", "licence", "from", "bytes", rows=rows),
            *hashes,
        ],
    )


def samples(
    out: Annotated[
        Path | None, typer.Argument(help="Folder to write. [default: .consentry/samples]")
    ] = None,
) -> Answer:
    """Fetch the sample photographs of the demonstration and the tests, by hash."""
    from consentry.localhost.samples import fetch_samples

    folder = fetch_samples(out or runtime_folder() / "samples", _progress)
    names = sorted(path.name for path in folder.iterdir())
    return Answer({"folder": str(folder), "files": names}, [f"samples {folder}"])


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")
