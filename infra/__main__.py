"""One stack of Consentry: ``pulumi up``."""

from pathlib import Path

import pulumi
from pulumi.runtime.config import get_config_env
from pulumi_azure_native import authorization

from consentry_infra.config import StackConfig
from consentry_infra.deployment import Account, Deployment

client = authorization.get_client_config()
deployment = Deployment(
    pulumi.get_stack(),
    StackConfig.load(get_config_env()),
    Account(client.subscription_id, client.tenant_id),
    Path(__file__).parent,
)
for name, value in deployment.outputs.items():
    pulumi.export(name, value)
