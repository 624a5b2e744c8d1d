"""Ten thousand random changes, one at a time, to exports of a log with several writers."""

import random

import pytest
from tests.support.logs import ExportedLog, SealedLog, audit_record

from consentry.service.audit import AuditLog

MUTATIONS = 10_000


def original() -> ExportedLog:
    """Four writers, two tenants, five checkpoints."""
    log = SealedLog(records=0)
    writers = [AuditLog(log.store, log.clock, segment_blocks=5) for _ in range(4)]
    for number in range(60):
        tenant = ("contoso", "fabrikam")[number % 2]
        writers[number % 4 if number < 50 else 0].append(audit_record(number, tenant=tenant))
        if number % 12 == 11:
            log.clock.advance(minutes=1)
            log.seal()
    return log.export()


def of_bytes(data: bytes, kind: str, chance: random.Random) -> bytes:
    """Change bytes somewhere."""
    place, size = chance.randrange(len(data)), chance.randint(1, 40)
    before, after = data[:place], data[place:]
    flipped = bytes([after[0] ^ 1 << chance.randrange(8)])
    return {
        "bit": before + flipped + after[1:],
        "byte": before + chance.randbytes(1) + after[1:],
        "insert": before + chance.randbytes(size) + after,
        "cut": before,
        "cut out": before + after[size:],
        "append": data + chance.randbytes(size),
    }[kind]


def of_lines(data: bytes, foreign: bytes, kind: str, chance: random.Random) -> bytes:
    """Change whole lines; ``foreign`` is another file of the log."""
    lines = data.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    taken = chance.choice(foreign.splitlines(keepends=True))
    before, line, after = lines[:place], lines[place], lines[place + 1 :]
    rest = [*before, *after]
    to = chance.randrange(len(lines))
    moved = line.replace(b'"contoso"', b'"fabrikam"')
    return b"".join(
        {
            "drop": rest,
            "repeat": [*before, line, line, *after],
            "move": [*rest[:to], line, *rest[to:]],
            "foreign line": [*before, taken, line, *after],
            "foreign end": [*lines, taken],
            "tenant": [*before, moved, *after],
        }[kind]
    )


def of_files(log: ExportedLog, name: str, other: str, kind: str) -> None:
    """Change a file as a whole, or two."""
    data, foreign = log.store.read(name), log.store.read(other)
    log.store.tamper(name, foreign if kind in ("copy", "swap") else None)
    if kind == "swap":
        log.store.tamper(other, data)
    elif kind == "rename":
        log.store.tamper(name + "x", data)


BYTES = ("bit", "byte", "insert", "cut", "cut out", "append")
LINES = ("drop", "repeat", "move", "foreign line", "foreign end", "tenant")
FILES = ("delete", "copy", "swap", "rename")


def change(log: ExportedLog, chance: random.Random) -> str:
    """Make one change and tell which."""
    name, other = chance.sample([part.name for part in log.store.list()], 2)
    kind = chance.choice((*BYTES, *LINES, *FILES))
    if kind in BYTES:
        log.store.tamper(name, of_bytes(log.store.read(name), kind, chance))
    elif kind in LINES:
        data, foreign = log.store.read(name), log.store.read(other)
        log.store.tamper(name, of_lines(data, foreign, kind, chance))
    else:
        of_files(log, name, other, kind)
    return f"{kind} of {name}"


def content(log: ExportedLog) -> dict[str, bytes]:
    """Everything there is, by name."""
    return {part.name: log.store.read(part.name) for part in log.store.list()}


@pytest.mark.slow
def test_ten_thousand_random_changes_are_all_noticed() -> None:
    whole, chance = original(), random.Random(27560)  # noqa: S311 (repeatable, no secret)
    before, made = content(whole), 0
    assert whole.report().whole
    while made < MUTATIONS:
        log = whole.copy()
        told = change(log, chance)
        if content(log) != before:  # a change that changes nothing is none
            made += 1
            assert not log.report().whole, told
