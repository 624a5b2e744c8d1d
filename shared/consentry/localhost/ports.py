"""Free ports for servers that want to be told their port before they start."""

import random
import socket

# Below the range from which Linux (32768) and macOS (49152) lend ports to outgoing connections:
# between the choice and its use only another server could take the port, which is rare.
LOWEST = 15_000
HIGHEST = 32_000
ATTEMPTS = 200

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> tuple[int, ...]:
    """Choose ``count`` different ports of the loopback address on which nothing listens."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(range(LOWEST, HIGHEST), ATTEMPTS):
        if len(chosen) == count:
            break
        if _is_free(port):
            chosen.append(port)
    if len(chosen) < count:
        raise OSError("no free port could be found on the loopback address")
    return tuple(chosen)


def answers(port: int) -> bool:
    """Tell whether something accepts connections on a port of the loopback address."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
