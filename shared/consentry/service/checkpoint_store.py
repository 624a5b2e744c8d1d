"""The checkpoints of the log in its account: the newest, and those of a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from consentry.errors import NotFoundError
from consentry.service.ports import AppendStore, PublicKey
from consentry.trust.checkpoints import Batch, Sealed, batch_name, proof_name


@dataclass(frozen=True)
class Checkpoints:
    """Reads what was sealed; numbers begin with 1."""

    store: AppendStore

    def last_number(self) -> int:
        """Find the newest checkpoint with a logarithmic number of questions; 0 for none."""
        above = 1
        while self._exists(above):
            above *= 2
        return _first(above // 2, above, lambda number: not self._exists(number)) - 1

    def open(self, number: int, public_keys: Sequence[PublicKey]) -> Sealed:
        """Read a checkpoint and verify it."""
        line, file = self.store.read(batch_name(number)), self.store.read(proof_name(number))
        return Sealed.open(line, file, public_keys)

    def newest(self, public_keys: Sequence[PublicKey]) -> Sealed:
        """Read the newest checkpoint and verify it; NotFoundError where nothing is sealed yet."""
        number = self.last_number()
        if number == 0:
            raise NotFoundError("nothing is sealed yet")
        return self.open(number, public_keys)

    def batch(self, number: int) -> Batch:
        """Read a batch's statement, which a proof or an export has yet to be checked against."""
        return Batch.read(self.store.read(batch_name(number)))

    def first_since(self, time: datetime, last: int) -> int:
        """Find the first checkpoint of ``time`` or later; ``last`` + 1 where there is none."""
        return _first(0, last + 1, lambda number: self.time(number) >= time)

    def time(self, number: int) -> datetime:
        """Time of a checkpoint."""
        return datetime.fromisoformat(self.batch(number).time)

    def _exists(self, number: int) -> bool:
        return self.store.size(proof_name(number)) is not None


def _first(below: int, above: int, reached: Callable[[int], bool]) -> int:
    """Find the first number after ``below`` that is ``reached``; ``above`` is, unasked."""
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if reached(middle) else (middle, above)
    return above
