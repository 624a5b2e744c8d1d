"""Route templates match as ASP.NET Core's do."""

import pytest

from consentry.localhost.routes import Route, RouteError


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("face/{version}/detect", "/face/v1.2/detect", {"version": "v1.2"}),
        ("face/{version}/detect", "/FACE/v1.2/Detect/", {"version": "v1.2"}),
        ("items/{kind:alpha}/{id:int?}", "/items/box/12", {"kind": "box", "id": "12"}),
        ("items/{kind:alpha}/{id:int?}", "/items/box", {"kind": "box"}),
        ("items/{id=7}", "/items", {"id": "7"}),
        ("files/{*path}", "/files/a/b c", {"path": "a/b c"}),
        ("files/{*path}", "/files", {}),
        ("{name}.{extension}", "/a.b.jpg", {"name": "a", "extension": "b.jpg"}),
        ("{id:guid}", "/7b1d6d2e-3a52-4be0-a1a0-1f9e2c4a9f10", None),
        ("{size:range(1,9)}", "/9", {"size": "9"}),
        ("{word:length(2,3)}", "/abc", {"word": "abc"}),
        ("{word:regex(^a\\d+$)}", "/a12", {"word": "a12"}),
        ("", "/", {}),
    ],
)
def test_path_that_fits_gives_its_parameters(
    template: str, path: str, parameters: dict[str, str] | None
) -> None:
    expected = {"id": path[1:]} if parameters is None else parameters
    assert Route(template).match(path) == expected


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("face/{version}/detect", "/face/detect"),
        ("face/{version}/detect", "/face//detect"),
        ("face/{version}/detect", "/face/a/b/detect"),
        ("items/{kind:alpha}", "/items/b0x"),
        ("items/{id:int}", "/items/2147483648"),
        ("items/{id:int}", "/items/one"),
        ("{flag:bool}", "/perhaps"),
        ("{id:guid}", "/12"),
        ("{day:datetime}", "/someday"),
        ("{size:min(5)}", "/4"),
        ("{size:max(5)}", "/6"),
        ("{word:minlength(3)}", "/ab"),
        ("{word:maxlength(3)}", "/abcd"),
        ("{word:length(3)}", "/ab"),
        ("keys", "/keys/1"),
    ],
)
def test_failed_constraint_or_other_path_does_not_match(template: str, path: str) -> None:
    assert Route(template).match(path) is None


@pytest.mark.parametrize(
    "template",
    ["a/{b", "a/{}", "{a}/{a}", "{a:nonsense}", "{a:length(x)}", "x{*rest}", "x{a?}", "a\nb"],
)
def test_malformed_template_is_refused(template: str) -> None:
    with pytest.raises(RouteError):
        Route(template)


def test_specific_template_precedes_general_one() -> None:
    templates = ["{*rest}", "a/{b}", "a/{b:int}", "a/fixed", "a/x{b}"]
    ordered = sorted(templates, key=lambda template: Route(template).precedence)
    assert ordered[0] == "a/fixed"
    assert ordered[-2:] == ["a/{b}", "{*rest}"]
