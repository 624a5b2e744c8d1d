"""Run a command for as long as somebody holds the other end of standard input.

``python -m consentry.localhost.guard COMMAND ARGUMENT...`` starts the command, and ends it with
SIGTERM as soon as standard input closes. Whoever started the guard keeps a pipe open to it, so
the command ends with its owner even when the owner is killed and can clean up nothing. A process
in between does this on every system, for programs that know nothing of it (Azurite).
"""

import os
import signal
import subprocess
import sys
import threading

STDIN = 0
GRACE_SECONDS = 10.0  # for a command to write its files; then it is killed


def run(command: list[str]) -> int:
    """Run ``command`` until it ends or standard input closes; give its exit code."""
    # Ctrl-C reaches the whole process group; the owner decides when the command ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:  # noqa: S603 (its purpose)
        threading.Thread(target=_end_with_owner, args=(process,), daemon=True).start()
        return process.wait()


def _end_with_owner(process: subprocess.Popen[bytes]) -> None:
    # Not through sys.stdin, whose lock the interpreter wants when it ends before this thread.
    os.read(STDIN, 1)
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
