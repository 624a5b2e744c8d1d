"""The blob trigger on the inbox, and the watcher of what it could not do in five tries."""

from pydantic import BaseModel, ValidationError

from consentry.azure.names import INBOX_FUNCTION, POISON_QUEUE, Container
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from entry import Api, Provider


class PoisonMessage(BaseModel):
    """What the host puts into the poison queue for a blob it gave up on."""

    ContainerName: str
    BlobName: str


def register(services: Provider) -> Api:
    """Register the functions of this interface."""
    api = Api(services)
    api.inbox(INBOX_FUNCTION, f"{Container.INBOX}/{{tenant}}/{{name}}")

    @api.poison_queue("watch_poison", POISON_QUEUE)
    def watch_poison(parts: Services, invocation: Invocation, body: bytes) -> Outcome[None]:
        try:
            message = PoisonMessage.model_validate_json(body)
        except ValidationError:
            invocation.count(unreadable=1)
            return Outcome(None)
        if message.ContainerName != Container.INBOX:
            invocation.count(foreign=1)
            return Outcome(None)
        return parts.upkeep.give_up(invocation, message.BlobName)

    return api
