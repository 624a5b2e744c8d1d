"""Where logs and metrics go: a workspace, Application Insights, and the services' own logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from consentry_infra.config import Retention
from consentry_infra.naming import Names
from consentry_infra.secure import Placement

DATA_LOGS: Final = ("StorageRead", "StorageWrite", "StorageDelete")
VAULT_LOGS: Final = ("AuditEvent", "AzurePolicyEvaluationDetails")


@dataclass(frozen=True)
class TelemetryProps:
    """What telemetry depends on."""

    names: Names
    where: Placement
    retention: Retention


class Telemetry(pulumi.ComponentResource):
    """The workspace and the Application Insights component on top of it."""

    def __init__(
        self, name: str, props: TelemetryProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:Telemetry", name, None, opts)
        where = props.where
        self.workspace = operationalinsights.Workspace(
            "workspace",
            workspace_name=props.names.workspace,
            resource_group_name=where.resource_group_name,
            location=where.location,
            sku=operationalinsights.WorkspaceSkuArgs(
                name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018
            ),
            retention_in_days=props.retention.telemetry_days,
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.insights = applicationinsights.Component(
            "insights",
            resource_name_=props.names.insights,
            resource_group_name=where.resource_group_name,
            location=where.location,
            kind="web",
            application_type=applicationinsights.ApplicationType.WEB,
            ingestion_mode=applicationinsights.IngestionMode.LOG_ANALYTICS,
            workspace_resource_id=self.workspace.id,
            disable_local_auth=True,  # telemetry is taken from the app's identity only
            disable_ip_masking=False,
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def watch(self, sources: Mapping[str, tuple[pulumi.Input[str], tuple[str, ...]]]) -> None:
        """Send the named logs of each source, given by its id, to the workspace."""
        for name, (resource_id, categories) in sources.items():
            monitor.DiagnosticSetting(
                f"logs-{name}",
                name="consentry",
                resource_uri=resource_id,
                workspace_id=self.workspace.id,
                logs=[
                    monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True)
                    for category in categories
                ],
                opts=pulumi.ResourceOptions(parent=self),
            )
