"""The queue trigger's use case: one message, one step, one audit record, and on with the job."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from consentry.errors import ConflictError, InputError, RedactionError, RefusedError
from consentry.service.call import Call, JobStep, Trigger
from consentry.service.gate import Gate
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.endgame import Endgame
from consentry.service.jobs.finish import Finish
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.messages import StepMessage
from consentry.service.jobs.notices import Notices
from consentry.service.jobs.stages import Stages
from consentry.service.jobs.store import JobStore
from consentry.trust.operations import Operation

FAULTS_OF_THE_VIDEO: Final = (InputError, RefusedError, RedactionError)
"""What another try cannot cure; anything else is raised, and the host delivers again."""


@dataclass(frozen=True)
class Steps:
    """Takes messages: the approval is checked again at each, as at every call.

    So are the receipts of the faces that may stay visible.
    """

    gate: Gate
    store: JobStore
    stages: Stages
    finish: Finish
    endgame: Endgame
    notices: Notices

    def take(self, text: bytes, request_id: str) -> None:
        """Do one step; a fault of the video ends its job, any other is raised."""
        message = StepMessage.parse(text)
        tenant, job_id = message.tenant, message.job
        job = self.store.find(tenant, job_id)
        asker = JobStep(tenant, "" if job is None else job.asked_by)
        call = Call(_operation(job), asker, Trigger.QUEUE, request_id)
        try:
            self.gate.run(call, partial(self._work, job=job, message=message))
        except ConflictError:
            if not self.endgame.settle(tenant, job_id):
                raise
        except FAULTS_OF_THE_VIDEO as error:
            self.endgame.fail(tenant, job_id, error)

    def _settle(self, message: StepMessage, job: Job | None) -> None:
        """Clear up after a job that is over, and tell of its end if that is what is asked."""
        self.endgame.settle(message.tenant, message.job)
        if job is not None and message.state is job.state:
            self.notices.send(job)

    def _work(
        self, invocation: Invocation, *, job: Job | None, message: StepMessage
    ) -> Outcome[None]:
        if job is None or job.is_over:
            invocation.count(over=1)
            return Outcome(None, partial(self._settle, message, job))
        if not message.is_of(job):
            invocation.count(late=1)
            return Outcome(None, partial(self.stages.catch_up, job))
        self.stages.claiming.check(invocation, job)
        match job.state:
            case State.ACCEPTED | State.CUTTING:
                return self.stages.cut(invocation, job)
            case State.SCANNING:
                return self.stages.scan(invocation, job, message.piece)
            case State.PLANNING:
                return self.stages.plan(invocation, job)
            case State.VERIFYING:
                return self.stages.verify(invocation, job, message.piece)
            case State.WRITING:
                return self.stages.write(invocation, job, message.piece)
            case _:
                return self.finish.join(invocation, job)


def _operation(job: Job | None) -> Operation:
    """Claimed faces become templates, so every step of such a job takes the approval for that."""
    with_claims = job is not None and job.claims
    return Operation.WORK_ON_JOB_WITH_CLAIMS if with_claims else Operation.WORK_ON_JOB
