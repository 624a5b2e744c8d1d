"""The queue of videos' jobs, and the watcher of the steps that failed in five tries."""

from consentry.azure.names import QueueName
from consentry.errors import ArgumentError
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from entry import Api, Provider


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)
    api.queue("take_video_step", QueueName.VIDEO)

    @api.poison_queue("watch_video_poison", QueueName.VIDEO.poison)
    def watch_video_poison(parts: Services, invocation: Invocation, body: bytes) -> Outcome[None]:
        try:
            return parts.jobs().tending.give_up(invocation, body)
        except ArgumentError:
            invocation.count(unreadable=1)
            return Outcome(None)

    return api
