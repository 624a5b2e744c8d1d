"""Messages of steps: what is to be done next for a job, and sending all of a state at once."""

from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from consentry.errors import ArgumentError
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.store import JobStore
from consentry.service.ports import Queue


class StepMessage(BaseModel):
    """One step of one job: in which state and round, and of which piece if it is of one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str
    job: str
    state: State
    round: int = 0
    piece: int = 0
    whole: bool = False

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a message; ArgumentError for what is none."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            raise ArgumentError("the message is not one of a job's step") from None

    def is_of(self, job: Job) -> bool:
        """Tell whether the job still stands where this message finds it."""
        here = State.ACCEPTED if job.state is State.CUTTING else job.state
        here = State.JOINING if here is State.RELEASING else here
        return (here, job.round, job.whole) == (self.state, self.round, self.whole)


@dataclass(frozen=True)
class Dispatcher:
    """Sends the messages of the state that a job is in."""

    store: JobStore
    queue: Queue

    def send(self, job: Job) -> None:
        """Send what is not done yet, then note that it was sent.

        Whoever dies before that leaves a job whose messages the next late message, or the timer,
        sends again: a step that is done already does nothing.
        """
        for message in self._messages(job):
            self.queue.send(message.model_dump_json())
        self.store.sent(job)

    def tell(self, job: Job) -> None:
        """Have the notice of a job's end sent, if one was asked for."""
        if job.callback:
            message = StepMessage(tenant=job.tenant, job=job.id, state=job.state)
            self.queue.send(message.model_dump_json())

    def _messages(self, job: Job) -> list[StepMessage]:
        plain = StepMessage(
            tenant=job.tenant, job=job.id, state=job.state, round=job.round, whole=job.whole
        )
        match job.state:
            case State.SCANNING:
                done = self.store.pieces(job).keys()
                left = [number for number in range(job.pieces) if number not in done]
            case State.VERIFYING | State.WRITING:
                rows = self.store.pieces(job)
                left = [n for n in job.pieces_wanted if rows[n].written < job.round]
            case State.CUTTING:
                return [plain.model_copy(update={"state": State.ACCEPTED})]
            case State.RELEASING:
                return [plain.model_copy(update={"state": State.JOINING})]
            case _:
                return [plain]
        return [plain.model_copy(update={"piece": number}) for number in left]
