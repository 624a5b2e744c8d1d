"""Keep an encoder from putting itself in front of everything else on the machine.

SVT-AV1, where root runs it, gives its threads and the thread that starts it the highest real-time
priority (SCHED_FIFO, 99) and leaves it there. Nothing else then gets a processor while it works,
and every process that is started afterwards inherits it.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path


def give_way() -> None:
    """Let all threads of this process wait their turn again. Call it once an encoder is open."""
    if sys.platform != "linux":
        return
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # the thread has ended meanwhile
            if os.sched_getscheduler(int(task.name)) == os.SCHED_FIFO:
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
