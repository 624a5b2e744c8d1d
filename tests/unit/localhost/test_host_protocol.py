"""The stand-ins have every name that Microsoft's worker library uses of the protocol."""

import ast
from collections.abc import Iterator
from pathlib import Path

import azure_functions_runtime
import pytest

from consentry.localhost import protocol

LIBRARY = Path(azure_functions_runtime.__file__).parent
TREES = [ast.parse(path.read_text()) for path in LIBRARY.rglob("*.py")]

# Asked for only by Linux Consumption's placeholder mode, which this host does not have.
UNUSED = {"FunctionEnvironmentReloadResponse"}


def _chain(node: ast.expr) -> list[str]:
    """Names of ``a.b.c``, or none when it is something else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (inner := _chain(node.value)):
        return [*inner, node.attr]
    return []


def _asked_for() -> Iterator[list[str]]:
    for tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                chain = _chain(node)
                if chain[:1] == ["protos"] and chain[1] not in UNUSED:
                    yield chain[1:]


def _constructed() -> Iterator[tuple[str, str]]:
    for tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                chain = _chain(node.func)
                if chain[:1] == ["protos"] and chain[1] not in UNUSED:
                    for keyword in node.keywords:
                        yield chain[1], str(keyword.arg)


def test_library_asks_for_no_name_that_is_missing() -> None:
    asked = list(_asked_for())
    assert len(asked) > 30
    for chain in asked:
        found: object = protocol
        for name in chain:
            found = getattr(found, name)


def test_library_fills_no_field_that_is_missing() -> None:
    filled = list(_constructed())
    assert len(filled) > 30
    for name, field in filled:
        message = getattr(protocol, name)
        assert field in message.fields + message.one_of, f"{name}.{field}"


def test_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="TypedData"):
        protocol.TypedData(text="")


def test_message_names_the_field_that_is_set() -> None:
    assert protocol.TypedData(bytes=b"").WhichOneof("data") == "bytes"
    assert protocol.TypedData().WhichOneof("data") is None


def test_same_site_has_the_name_that_is_a_keyword() -> None:
    assert getattr(protocol.RpcHttpCookie.SameSite, "None") == 0
    assert getattr(protocol.BindingInfo, "in") == 0
