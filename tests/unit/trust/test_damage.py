"""Each kind of damage to a real, sealed log is noticed, and the first bad record is named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.logs import SealedLog

from consentry.trust.chain import Head, canonical, digest, extend
from consentry.trust.checkpoints import (
    KIND,
    checkpoint_digest,
    open_checkpoint,
    sign_checkpoint,
)
from consentry.trust.damage import Damage, Finding
from consentry.trust.jws import sign_document
from consentry.trust.verification import verify_log

EDITED, REMOVED, INSERTED = Damage.EDITED, Damage.REMOVED, Damage.INSERTED
REORDERED, TRUNCATED = Damage.REORDERED, Damage.TRUNCATED


@pytest.fixture
def log() -> SealedLog:
    log = SealedLog()
    assert log.report().whole
    return log


def the_finding(log: SealedLog) -> Finding:
    report = log.report()
    assert not report.whole
    (finding,) = report.findings
    assert finding.chain == log.segments[0].split("/")[1]
    return finding


def found(log: SealedLog) -> tuple[int, int, Damage]:
    finding = the_finding(log)
    return finding.segment, finding.sequence, finding.kind


def edit(line: bytes, **fields: object) -> bytes:
    """Change a line's own fields, or its record's, and keep it canonical."""
    document = json.loads(line)
    for name, value in fields.items():
        (document if name in document else document["record"])[name] = value
    return canonical(document)


def test_a_whole_log_is_whole_and_counted(log: SealedLog) -> None:
    report = log.report()
    assert (report.chains, report.records, report.sealed) == (1, 12, 12)
    assert (report.checkpoints, report.signatures_checked) == (2, True)


@pytest.mark.parametrize("number", range(12))
def test_an_edited_record_is_named(log: SealedLog, number: int) -> None:
    lines = log.lines(number // 4)
    lines[number % 4] = edit(lines[number % 4], outcome="InternalError")
    log.set_lines(number // 4, lines)
    segment, sequence, kind = found(log)
    assert (sequence, kind) == (number, EDITED)
    assert segment in (number // 4, (number + 1) // 4)


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("fields", [{"prev": "f" * 64}, {"seq": 99}, {"chain": "0" * 32}])
def test_an_edited_link_is_noticed_at_its_place(
    log: SealedLog, number: int, fields: dict[str, object]
) -> None:
    lines = log.lines(number // 4)
    lines[number % 4] = edit(lines[number % 4], **fields)
    log.set_lines(number // 4, lines)
    _, sequence, _ = found(log)
    assert sequence in (number - 1, number)


@pytest.mark.parametrize("garbage", [b"", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"chain":1}'])
def test_a_line_that_is_no_record_was_edited(log: SealedLog, garbage: bytes) -> None:
    lines = log.lines(1)
    lines[1] = garbage
    log.set_lines(1, lines)
    assert found(log) == (1, 5, EDITED)


def test_another_spelling_of_the_same_record_was_edited(log: SealedLog) -> None:
    lines = log.lines(1)
    lines[1] = json.dumps(json.loads(lines[1])).encode()
    log.set_lines(1, lines)
    assert found(log) == (1, 5, EDITED)


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 6, 8, 9, 10])
def test_a_removed_record_is_named(log: SealedLog, number: int) -> None:
    lines = log.lines(number // 4)
    del lines[number % 4]
    log.set_lines(number // 4, lines)
    # Between two segments nobody can tell whose end or beginning is missing.
    kind = TRUNCATED if number in (4, 8) else REMOVED
    assert found(log) == (number // 4, number, kind)


@pytest.mark.parametrize("segment", [0, 1])
def test_a_removed_segment_is_named_by_its_first_record(log: SealedLog, segment: int) -> None:
    log.store.tamper(log.segments[segment], None)
    assert found(log) == (segment + 1, segment * 4, REMOVED)


@pytest.mark.parametrize(("segment", "kept"), [(0, 3), (0, 1), (1, 2), (2, 3), (2, 1)])
def test_a_segment_without_its_end_was_truncated(log: SealedLog, segment: int, kept: int) -> None:
    log.set_lines(segment, log.lines(segment)[:kept])
    _, sequence, kind = found(log)
    assert (sequence, kind) == (segment * 4 + kept, TRUNCATED)


def test_a_removed_last_segment_was_truncated(log: SealedLog) -> None:
    log.store.tamper(log.segments[2], None)
    assert found(log) == (1, 8, TRUNCATED)


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_a_torn_last_line_was_truncated(log: SealedLog, cut: int) -> None:
    name = log.segments[2]
    log.store.tamper(name, log.store.read(name)[:-cut])
    assert found(log) == (2, 11, TRUNCATED)


def test_a_chain_that_is_gone_was_removed(log: SealedLog) -> None:
    chain = log.segments[0].split("/")[1]
    for name in log.segments:
        log.store.tamper(name, None)
    assert log.report().findings == (Finding(chain, 0, 0, REMOVED),)


@pytest.mark.parametrize("place", range(4))
def test_an_inserted_record_is_named_by_its_place(log: SealedLog, place: int) -> None:
    lines = log.lines(1)
    forged, _ = extend(log.segments[0].split("/")[1], Head(4 + place, "e" * 64), {"id": "forged"})
    log.set_lines(1, [*lines[:place], forged, *lines[place:]])
    assert found(log) == (1, 4 + place, INSERTED)


def test_an_inserted_record_that_links_to_the_one_before_is_noticed(log: SealedLog) -> None:
    lines = log.lines(1)
    chain = log.segments[0].split("/")[1]
    forged, _ = extend(chain, Head(5, digest(lines[0])), {"id": "forged"})
    log.set_lines(1, [lines[0], forged, *lines[1:]])
    _, sequence, _ = found(log)
    assert sequence in (5, 6)


@pytest.mark.parametrize("place", range(4))
def test_a_repeated_record_was_inserted(log: SealedLog, place: int) -> None:
    lines = log.lines(1)
    log.set_lines(1, [*lines[: place + 1], lines[place], *lines[place + 1 :]])
    segment, sequence, kind = found(log)
    assert (sequence, kind) == (5 + place, INSERTED)
    assert segment == 1


@pytest.mark.parametrize("place", range(3))
def test_swapped_records_were_reordered(log: SealedLog, place: int) -> None:
    lines = log.lines(1)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    log.set_lines(1, lines)
    assert found(log) == (1, 4 + place, REORDERED)


@pytest.mark.parametrize(("taken", "put"), [(0, 3), (3, 0), (0, 2), (2, 0)])
def test_a_moved_record_was_reordered(log: SealedLog, taken: int, put: int) -> None:
    lines = log.lines(1)
    lines.insert(put, lines.pop(taken))
    log.set_lines(1, lines)
    assert found(log) == (1, 4 + min(taken, put), REORDERED)


def test_swapped_segments_were_reordered(log: SealedLog) -> None:
    first, second = log.lines(0), log.lines(1)
    log.set_lines(0, second)
    log.set_lines(1, first)
    assert found(log) == (0, 0, REORDERED)


def test_a_chain_written_anew_contradicts_its_checkpoint(log: SealedLog) -> None:
    """Whoever can write everything can make a chain that links, but not the signed head."""
    chain, head = log.segments[0].split("/")[1], Head()
    for segment in range(3):
        lines = []
        for line in log.lines(segment):
            record = json.loads(line)["record"]
            forged, head = extend(chain, head, {**record, "latency_ms": 1})
            lines.append(forged)
        log.set_lines(segment, lines)
    _, sequence, kind = found(log)
    assert (sequence, kind) == (6, EDITED)


def test_what_was_not_sealed_yet_is_still_chained(log: SealedLog) -> None:
    for name in ("checkpoints/00000001.jws", "checkpoints/00000002.jws"):
        log.store.tamper(name, None)
    assert log.report().sealed == 0
    lines = log.lines(1)
    lines[1] = edit(lines[1], outcome="InternalError")
    log.set_lines(1, lines)
    assert found(log) == (1, 5, EDITED)


def test_a_foreign_thing_in_the_log_is_noticed(log: SealedLog) -> None:
    log.store.put("2026-03-14/notes.txt", b"")
    (finding,) = log.report().findings
    assert (finding.chain, finding.kind) == ("unknown", INSERTED)


def test_a_forged_chain_of_its_own_is_not_sealed(log: SealedLog) -> None:
    line, _ = extend("f" * 32, Head(), {"id": "forged"})
    log.store.put(f"2026-03-14/{'f' * 32}/000000.jsonl", line + b"\n")
    report = log.report()
    assert report.records - report.sealed == 1


class TestCheckpoints:
    def change(self, log: SealedLog, number: int, data: bytes | None) -> None:
        log.store.tamper(f"checkpoints/{number:08}.jws", data)

    def read(self, log: SealedLog, number: int) -> bytes:
        return log.store.read(f"checkpoints/{number:08}.jws")

    def about(self, log: SealedLog) -> tuple[str, int, Damage]:
        (finding,) = log.report().findings
        return finding.chain, finding.sequence, finding.kind

    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize("place", [0, 10, 60, -1, -40])
    def test_an_edited_one_is_named(self, log: SealedLog, number: int, place: int) -> None:
        signed = bytearray(self.read(log, number))
        signed[place] = ord("A") if signed[place] != ord("A") else ord("B")
        self.change(log, number, bytes(signed))
        assert self.about(log) == ("checkpoints", number, EDITED)

    def test_a_removed_one_is_named(self, log: SealedLog) -> None:
        self.change(log, 1, None)
        assert self.about(log) == ("checkpoints", 1, REMOVED)

    def test_a_repeated_one_is_noticed(self, log: SealedLog) -> None:
        self.change(log, 2, self.read(log, 1))
        assert self.about(log) == ("checkpoints", 1, EDITED)

    def test_one_by_another_key_is_noticed(self, log: SealedLog) -> None:
        twin = SealedLog()
        self.change(log, 2, self.read(twin, 2))
        assert self.about(log) == ("checkpoints", 2, EDITED)

    def test_two_that_contradict_each_other_are_noticed(self, log: SealedLog) -> None:
        """Whoever has the key could state another head later; the first statement stands."""
        second = open_checkpoint(self.read(log, 2), log.key.public_keys())
        (head,) = second.heads
        lie = second.model_copy(
            update={
                "number": 3,
                "previous": checkpoint_digest(self.read(log, 2)),
                "heads": [head.model_copy(update={"digest": "e" * 64})],
            }
        )
        signed = sign_checkpoint(lie, kid=log.key.kid, sign=log.key.sign)
        log.store.put("checkpoints/00000003.jws", signed)
        assert self.about(log) == ("checkpoints", 3, EDITED)

    def test_one_that_is_signed_but_not_complete_is_noticed(self, log: SealedLog) -> None:
        signed = sign_document({"version": 1}, kind=KIND, kid=log.key.kid, sign=log.key.sign)
        self.change(log, 2, signed)
        assert self.about(log) == ("checkpoints", 2, EDITED)

    def test_without_keys_the_report_says_that_no_signature_was_checked(
        self, log: SealedLog
    ) -> None:
        report = verify_log(log.store)
        assert report.whole
        assert not report.signatures_checked


ORIGINAL = SealedLog()
NAMES = [part.name for part in ORIGINAL.store.list()]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_single_change_to_a_sealed_log_is_noticed(data: st.DataObject) -> None:
    store = ORIGINAL.store.copy()
    name = data.draw(st.sampled_from(NAMES))
    before = store.read(name)
    lines = before.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(before) - 1))
    line = data.draw(st.integers(0, len(lines) - 1))
    after: bytes | None
    match data.draw(st.sampled_from(["byte", "cut", "drop", "repeat", "swap", "add", "delete"])):
        case "byte":
            byte = data.draw(st.integers(0, 255))
            after = before[:place] + bytes([byte]) + before[place + 1 :]
        case "cut":
            after = before[:place]
        case "drop":
            after = b"".join(lines[:line] + lines[line + 1 :])
        case "repeat":
            after = b"".join(lines[: line + 1] + lines[line:])
        case "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[line], lines[other] = lines[other], lines[line]
            after = b"".join(lines)
        case "add":
            after = before[:place] + data.draw(st.binary(min_size=1, max_size=9)) + before[place:]
        case _:
            after = None
    store.tamper(name, after)
    last_checkpoint = name == NAMES[-1] and after is None
    report = verify_log(store, ORIGINAL.key.public_keys())
    assert report.whole == (after == before or last_checkpoint)
