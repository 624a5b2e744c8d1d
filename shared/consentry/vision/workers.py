"""Run work on several frames, parts or looks at a time, with results in order, memory bounded."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from consentry.vision.stages import carried


def in_order[Item, Result](
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int = 2
) -> Generator[Result]:
    """Give ``work(item)`` for each item; no more than ``ahead * threads`` are held at a time.

    Where some items take far longer than others, the threads need more ahead to be busy meanwhile.
    Who does not take all results closes it, and what has not begun then is not done.
    """
    if threads == 1:
        yield from map(work, items)
        return
    work = carried(work)
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= ahead * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
