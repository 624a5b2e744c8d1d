"""Run the real program under Pulumi's mocks and keep every resource that it registers."""

import asyncio
import gc
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from consentry_infra.config import StackConfig
from consentry_infra.deployment import Account, Deployment
from local.cloud import Cloud
from local.kinds import DIRECTORY, PREFIX, SUBSCRIPTION

REVIEWERS = "11111111-1111-4111-8111-111111111111"
AUDITORS = "22222222-2222-4222-8222-222222222222"
UPLOADERS = "33333333-3333-4333-8333-333333333333"


@dataclass(frozen=True)
class Registered:
    """One resource as the program registered it."""

    token: str
    name: str
    inputs: dict[str, Any]
    id: str
    secrets: frozenset[str] = frozenset()  # names of inputs that the engine encrypts

    @property
    def kind(self) -> str:
        return self.token.removeprefix(PREFIX)


@dataclass
class Recorder(Mocks):
    """Answers as the local cloud would, and remembers."""

    cloud: Cloud = field(default_factory=Cloud)
    registered: list[Registered] = field(default_factory=list)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        secrets = frozenset(name for name, value in args.inputs.items() if is_rpc_secret(value))
        inputs = {name: unwrap_rpc_secret(value) for name, value in args.inputs.items()}
        if args.typ.startswith(PREFIX):
            made = self.cloud.create(args.typ, inputs)
            self.registered.append(Registered(args.typ, args.name, inputs, made.id, secrets))
            return made.id, made.outputs
        if "PublishedPackage" in args.typ:
            self.cloud.publish(inputs["app_id"].rpartition("/")[2], inputs["package_digest"])
        self.registered.append(Registered(args.typ, args.name, inputs, args.name))
        return args.name, inputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return self.cloud.invoke(args.token, args.args), []


@dataclass(frozen=True)
class Stack:
    """A stack as it was registered."""

    config: StackConfig
    resources: list[Registered]
    outputs: dict[str, Any]

    def of(self, kind: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.kind == kind]

    def one(self, kind: str, name: str | None = None) -> Registered:
        found = [r for r in self.of(kind) if name is None or r.name == name]
        assert len(found) == 1, (kind, name, [r.name for r in found])
        return found[0]


def configuration(package: Path, **changes: Any) -> StackConfig:
    """A complete configuration with some values of its own."""
    values = {
        "tenants": ["contoso"],
        "location": "westeurope",
        "jurisdiction": "DE",
        "contacts": ["privacy@contoso.example"],
        "people": {"reviewers": REVIEWERS, "auditors": AUDITORS},
        "budget": {"monthly": 100, "start": "2026-01-01"},
        "package": str(package),
    }
    return StackConfig.model_validate(values | changes)


def register(stack: str, config: StackConfig) -> Stack:
    """Register a stack's resources and give them with its outputs."""
    recorder = Recorder()
    outputs: dict[str, Any] = {}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # the SDK asks for the current one
    try:
        pulumi.runtime.set_mocks(recorder, project="consentry", stack=stack, preview=False)

        def program() -> pulumi.Output[None]:
            deployment = Deployment(stack, config, Account(SUBSCRIPTION, DIRECTORY), Path("infra"))
            return pulumi.Output.all(**deployment.outputs).apply(outputs.update)

        pulumi.runtime.test(program)()
    finally:
        _end(loop)
    return Stack(config, recorder.registered, outputs)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """End the loop, and collect those that the SDK makes in its worker threads and never closes."""
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
