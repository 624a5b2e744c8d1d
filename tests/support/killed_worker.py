"""A process that serves calls until it is killed, and tells of every result that it lets out."""

import os
import threading
from multiprocessing.connection import Connection
from uuid import uuid4

from consentry.service.call import ApiKey, Call, Trigger
from consentry.service.deployment import connect
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Operation

THREADS = 8


def serve(environment: dict[str, str], key: str, told: Connection) -> None:
    """Call from some threads without end; a release writes the record's id into the pipe."""
    settings = Settings.load(environment)
    gate = assemble(settings, connect(settings)).gate

    def work(invocation: Invocation) -> Outcome[None]:
        line = f"{invocation.id}\n".encode()
        return Outcome(None, lambda: _write(told.fileno(), line))

    def keep_calling() -> None:
        while True:
            gate.run(Call(Operation.DETECT, ApiKey(key), Trigger.HTTP, str(uuid4())), work)

    threads = [threading.Thread(target=keep_calling) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write(descriptor: int, line: bytes) -> None:
    """Write a line, which the system does whole or not at all at this length."""
    os.write(descriptor, line)
