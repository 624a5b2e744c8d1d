"""The guard ends a command with its owner, and passes on how it ended otherwise."""

import subprocess
import sys

GUARD = [sys.executable, "-m", "consentry.localhost.guard", sys.executable, "-c"]


def test_command_ends_when_its_owner_lets_go() -> None:
    script = "import os; print(os.getpid(), flush=True); os.read(os.pipe()[0], 1)"
    with subprocess.Popen(
        [*GUARD, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as guard:
        assert guard.stdin is not None
        assert guard.stdout is not None
        assert int(guard.stdout.readline()) != guard.pid
        guard.stdin.close()
        assert guard.stdout.read() == ""  # the command, which held the other end, is gone
        assert guard.wait() != 0


def test_exit_code_of_the_command_is_the_guards() -> None:
    with subprocess.Popen([*GUARD, "raise SystemExit(7)"], stdin=subprocess.PIPE) as guard:
        assert guard.wait() == 7
