"""What a name in the inbox may be, and what it asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.errors import ArgumentError
from consentry.limits import BLOB_NAME_CHARACTERS_MAX
from consentry.service.inbox_names import NO_TENANT, Purpose, UploadName, check_name

HOSTILE_NAMES = [
    "",
    "../up.jpg",
    "a/../../b.jpg",
    "a//b.jpg",
    "/a.jpg",
    "a/./b.jpg",
    "ends-with-dot.",
    "nul\x00.jpg",
    "line\nfeed.jpg",
    "back\\slash.jpg",
    "\ud800.jpg",
    "x" * (BLOB_NAME_CHARACTERS_MAX + 1),
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_name(name)
    assert name == "" or name not in str(caught.value)


@pytest.mark.parametrize("name", ["a.jpg", "Straße/Ünïcode 写真.png", "a/b/c.heic", "..hidden.jpg"])
def test_ordinary_name_is_kept_as_it_is(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("blob", "purpose"),
    [
        ("contoso/a.jpg", Purpose.REDACT),
        ("contoso/a.verify.json", Purpose.REDACT),
        ("contoso/verify/a.jpg", Purpose.PROBE_OR_REFERENCE),
        ("contoso/verify/case/a.verify.json", Purpose.VERIFY_REQUEST),
        ("contoso/verify.jpg", Purpose.REDACT),
    ],
)
def test_folder_and_suffix_say_what_an_upload_is_for(blob: str, purpose: Purpose) -> None:
    assert UploadName.parse(blob).purpose is purpose


@pytest.mark.parametrize("blob", ["a.jpg", "/a.jpg", "Contoso/a.jpg", "-x/a.jpg", "_unknown/a.jpg"])
def test_upload_outside_a_tenants_folder_belongs_to_no_tenant(blob: str) -> None:
    upload = UploadName.parse(blob)
    assert upload.tenant == NO_TENANT
    assert upload.quarantine_blob.startswith(f"{NO_TENANT}/_unusable/")


@given(st.text(max_size=1200))
def test_quarantine_name_is_always_short_and_below_the_tenant(name: str) -> None:
    upload = UploadName.parse(f"contoso/{name}" if name.isprintable() and name else "contoso/\x00")
    assert upload.quarantine_blob.startswith("contoso/")
    assert len(upload.quarantine_blob) <= len("contoso/") + BLOB_NAME_CHARACTERS_MAX
    assert ".." not in upload.quarantine_blob.split("/")


@given(st.text(min_size=1), st.text(min_size=1))
def test_upload_ids_of_two_names_differ(first: str, second: str) -> None:
    one, two = (
        UploadName("contoso/" + n.encode(errors="replace").decode(), "contoso", n)
        for n in (first, second)
    )
    assert (one.upload_id == two.upload_id) == (one.blob == two.blob)
