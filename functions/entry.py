"""The only way to register a function: behind the gate, or by name on the short open list.

``Api`` hands a handler to the gate as its work. The handler never runs unless the gate has
established who is asking, found an approval in force, and it cannot answer before the audit
record is durable.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from types import CodeType
from typing import Final, Protocol

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding

from consentry.azure.names import WORK_CONNECTION, QueueName
from consentry.errors import ConsentryError
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.invocation import Invocation, Outcome
from consentry.service.services import Services
from consentry.trust.operations import Operation
from consentry.trust.records import utc_text
from consentry.vision import model_seconds
from wire import CONSENT_HEADER, Request, echo, error_reply, reply_to

WARNING_HEADER: Final = "X-Consentry-Warning"
OPEN_FUNCTIONS: Final = frozenset({"health", "ready", "openapi", "keys", "transparency"})
"""Functions that need no approval: no picture, no tenant's data. Nothing else may be open."""

Handler = Callable[[Request, Invocation], Outcome[func.HttpResponse]]
OpenHandler = Callable[[Request], func.HttpResponse]
SystemWork = Callable[[Services, Invocation], Outcome[None]]
PoisonWork = Callable[[Services, Invocation, bytes], Outcome[None]]

GATED_ENTRIES: Final[set[CodeType]] = set()
"""Code of every entry that hands its work to the gate."""

_log = logging.getLogger("consentry.functions")


class Provider(Protocol):
    """Gives the services, built at the first call."""

    def __call__(self) -> Services:
        """Give the same services at every call."""


@dataclass(frozen=True)
class Endpoint:
    """What the description of the interface says of one HTTP function.

    ``request`` is the media type of its body, and ``or_else`` another that it takes.
    """

    name: str
    methods: Sequence[str]
    route: str
    summary: str
    operation: Operation | None
    query: Sequence[str] = ()
    request: str = ""
    or_else: str = ""
    replies: Sequence[int] = (200,)


@dataclass
class Api:
    """A blueprint whose functions all pass the gate."""

    services: Provider
    blueprint: func.Blueprint = field(default_factory=func.Blueprint)
    endpoints: list[Endpoint] = field(default_factory=list)

    def http(
        self, endpoint: Endpoint, choose: Callable[[Request], Operation] | None = None
    ) -> Callable[[Handler], Handler]:
        """Register an HTTP function; ``choose`` picks the operation where a parameter decides."""
        if endpoint.operation is None:
            raise ValueError("an HTTP function behind the gate has an operation")
        pick = choose or partial(_always, endpoint.operation)

        def register(handler: Handler) -> Handler:
            def entry(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
                return self._serve(Request(req), context.invocation_id, pick, handler)

            self._route(endpoint, entry)
            return handler

        return register

    def open_http(self, endpoint: Endpoint) -> Callable[[OpenHandler], OpenHandler]:
        """Register an HTTP function that needs no approval; its name must be on the list."""
        if endpoint.name not in OPEN_FUNCTIONS:
            raise ValueError("only the functions on the open list run without the gate")

        def register(handler: OpenHandler) -> OpenHandler:
            def entry(req: func.HttpRequest) -> func.HttpResponse:
                return _guarded(partial(handler, Request(req)))

            self._route(endpoint, entry)
            return handler

        return register

    def timer(self, name: str, schedule: str) -> Callable[[SystemWork], SystemWork]:
        """Register a timer that runs as principal ``system``."""

        def register(work: SystemWork) -> SystemWork:
            def entry(timer: func.TimerRequest, context: func.Context) -> None:
                del timer
                self._run_as_system(Operation.UPKEEP, Trigger.TIMER, context.invocation_id, work)

            builder = self.blueprint.function_name(name)
            trigger = self.blueprint.timer_trigger("timer", schedule, run_on_startup=False)
            builder(trigger(_gated(entry)))
            return work

        return register

    def poison_queue(self, name: str, queue: str) -> Callable[[PoisonWork], PoisonWork]:
        """Register the watcher of a poison queue, which runs as principal ``system``."""

        def register(work: PoisonWork) -> PoisonWork:
            def entry(message: func.QueueMessage, context: func.Context) -> None:
                body = message.get_body()
                self._run_as_system(
                    Operation.POISON,
                    Trigger.QUEUE,
                    context.invocation_id,
                    lambda services, invocation: work(services, invocation, body),
                )

            builder = self.blueprint.function_name(name)
            trigger = self.blueprint.queue_trigger("message", queue, connection=WORK_CONNECTION)
            builder(trigger(_gated(entry)))
            return work

        return register

    def queue(self, name: str, queue: QueueName) -> None:
        """Register the trigger on a queue of jobs; its use case opens an invocation per step."""

        def entry(message: func.QueueMessage, context: func.Context) -> None:
            with _without_details():
                self.services().jobs().steps.take(message.get_body(), context.invocation_id)

        builder = self.blueprint.function_name(name)
        trigger = self.blueprint.queue_trigger("message", queue, connection=WORK_CONNECTION)
        builder(trigger(_gated(entry)))

    def inbox(self, name: str, path: str) -> None:
        """Register the blob trigger; its use case opens an invocation for every upload."""

        def entry(upload: blob_binding.BlobClient, context: func.Context) -> None:
            with _without_details():
                self.services().inbox.arrived(upload.blob_name, context.invocation_id)

        builder = self.blueprint.function_name(name)
        trigger = self.blueprint.blob_trigger(
            "upload", path, connection=WORK_CONNECTION, source=func.BlobSource.EVENT_GRID
        )
        builder(trigger(_gated(entry)))

    def _route(self, endpoint: Endpoint, entry: Callable[..., func.HttpResponse]) -> None:
        """Bind to a route; the platform authenticates nobody, because the gate does."""
        self.endpoints.append(endpoint)
        builder = self.blueprint.function_name(endpoint.name)
        trigger = self.blueprint.route(
            route=endpoint.route, methods=endpoint.methods, auth_level=func.AuthLevel.ANONYMOUS
        )
        builder(trigger(_gated(entry) if endpoint.operation else entry))

    def _serve(
        self,
        request: Request,
        request_id: str,
        pick: Callable[[Request], Operation],
        handler: Handler,
    ) -> func.HttpResponse:
        client_request_id = request.trace("x-ms-client-request-id")

        def run() -> func.HttpResponse:
            call = Call(
                operation=pick(request),
                credential=request.credential,
                trigger=Trigger.HTTP,
                request_id=request_id,
                traceparent=request.trace("traceparent"),
                client_request_id=client_request_id,
                consent=request.trace(CONSENT_HEADER),
            )
            return self.services().gate.run(call, partial(_answer, handler, request))

        started, models = perf_counter(), model_seconds()
        reply = _guarded(run)
        reply.headers["Server-Timing"] = _timing(
            models=model_seconds() - models, total=perf_counter() - started
        )
        reply.headers["x-ms-request-id"] = request_id
        reply.headers["x-ms-client-request-id"] = echo(client_request_id)
        reply.headers["Cache-Control"] = "no-store"
        reply.headers["X-Content-Type-Options"] = "nosniff"
        return reply

    def _run_as_system(
        self, operation: Operation, trigger: Trigger, request_id: str, work: SystemWork
    ) -> None:
        with _without_details():
            services = self.services()
            call = Call(operation, SystemTimer(), trigger, request_id)
            services.gate.run(call, partial(work, services))


def _answer(
    handler: Handler, request: Request, invocation: Invocation
) -> Outcome[func.HttpResponse]:
    """Run a handler; a reply under grace says when that ends."""
    outcome = handler(request, invocation)
    ends = invocation.grace_until
    if ends is None:
        return outcome

    def warned(reply: func.HttpResponse) -> func.HttpResponse:
        reply.headers[WARNING_HEADER] = f"approval by grace until {utc_text(ends)}; apply anew"
        return reply

    return outcome.map(warned)


def _timing(**seconds: float) -> str:
    """How long a call took and how much of it the models, in milliseconds (W3C Server Timing)."""
    return ", ".join(f"{name};dur={1000 * value:.1f}" for name, value in seconds.items())


def _always(operation: Operation, request: Request) -> Operation:
    del request
    return operation


def _gated[F: Callable[..., object]](entry: F) -> F:
    """Mark an entry that only this module makes, so that a test can tell it from any other."""
    GATED_ENTRIES.add(entry.__code__)
    return entry


class InvocationFailedError(Exception):
    """What the host is told of a failure that it shall try again; it logs no more than this."""


@contextmanager
def _without_details() -> Iterator[None]:
    """Tell the host of an error by its code or class alone: it logs messages and tracebacks."""
    try:
        yield
    except ConsentryError as error:
        raise InvocationFailedError(error.code) from None
    except Exception as error:
        raise InvocationFailedError(f"unexpected {type(error).__name__}") from None


def _guarded(run: Callable[[], func.HttpResponse]) -> func.HttpResponse:
    """Turn every error into a reply: ours by its code, a bug as nothing but that.

    A bug's message and traceback could carry a caller's data, so only its class is logged.
    """
    try:
        return run()
    except ConsentryError as error:
        return reply_to(error)
    except Exception as error:
        _log.error("unexpected %s", type(error).__name__)
        return error_reply("InternalError", "something is wrong on our side; nothing was released")
