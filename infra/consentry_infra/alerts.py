"""What wakes somebody up, and the budget."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import consumption, monitor

from consentry.azure.names import APPROVALS_EXPIRING, SEARCH_SUSPECTED
from consentry_infra.config import Budget
from consentry_infra.naming import Names
from consentry_infra.secure import Placement
from consentry_infra.storage import PlatformContainer
from consentry_infra.telemetry import Telemetry

POISON_FUNCTIONS: Final = ("watch_poison", "watch_video_poison")
DENIED_IN_FIVE_MINUTES: Final = 50
BUDGET_PERCENT: Final = (50, 80, 100)


@dataclass(frozen=True)
class Alert:
    """A query over the logs whose rows, if there are more than ``above``, are worth a mail."""

    title: str
    query: str
    severity: int  # 0 critical to 4 verbose
    above: int = 0


def _quoted(text: str) -> str:
    return f'"{text}"'


def alerts(evidence_account: str, work_account: str) -> dict[str, Alert]:
    """The alerts of a stack, by name."""
    return {
        "poison": Alert(
            "An upload, or a step of a video's job, could not be handled in five tries",
            f"AppRequests | where Name in ({', '.join(map(_quoted, POISON_FUNCTIONS))})",
            severity=1,
        ),
        "undelivered": Alert(
            "Events of uploads were not delivered to the app",
            f'StorageBlobLogs | where AccountName == "{work_account}"'
            f' and OperationName == "PutBlob" and Uri contains "/{PlatformContainer.UNDELIVERED}/"',
            severity=1,
        ),
        "audit": Alert(
            "The audit log refused a write, so nothing was released",
            # 409 and 412 are how writers notice each other; they are answered by the app itself.
            f'StorageBlobLogs | where AccountName == "{evidence_account}"'
            ' and Category == "StorageWrite"'
            " and toint(StatusCode) >= 400 and toint(StatusCode) !in (409, 412)",
            severity=0,
        ),
        "denied": Alert(
            "Many calls were refused",
            'AppRequests | where ResultCode in ("401", "403")',
            severity=2,
            above=DENIED_IN_FIVE_MINUTES,
        ),
        "expiring": Alert(
            "Approvals end soon and have to be applied for anew",
            f'AppTraces | where Message startswith "{APPROVALS_EXPIRING}"',
            severity=3,
        ),
        "search": Alert(
            "Verifications look like a search and were suspended; a reviewer has to look",
            f'AppTraces | where Message startswith "{SEARCH_SUSPECTED}"',
            severity=1,
        ),
        "failing": Alert(
            "Functions fail",
            "AppRequests | where Success == false and toint(ResultCode) !between (400 .. 499)",
            severity=2,
            above=5,
        ),
    }


@dataclass(frozen=True)
class AlertsProps:
    """What the alerts depend on."""

    names: Names
    where: Placement
    resource_group_id: pulumi.Input[str]
    contacts: tuple[str, ...]
    budget: Budget
    telemetry: Telemetry


class Alerts(pulumi.ComponentResource):
    """Alerts on logs, a budget, and who hears of them."""

    def __init__(
        self, name: str, props: AlertsProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:Alerts", name, None, opts)
        where = props.where
        people = monitor.ActionGroup(
            "contacts",
            action_group_name=props.names.alerts,
            resource_group_name=where.resource_group_name,
            location="Global",
            group_short_name="consentry",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=f"contact-{number}",
                    email_address=address,
                    use_common_alert_schema=True,
                )
                for number, address in enumerate(props.contacts, 1)
            ],
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        found = alerts(props.names.evidence_account, props.names.work_account)
        for name_, alert in found.items():
            self._rule(name_, alert, people, props)
        self._budget(props)
        self.register_outputs({})

    def _rule(
        self, name: str, alert: Alert, people: monitor.ActionGroup, props: AlertsProps
    ) -> None:
        where = props.where
        monitor.ScheduledQueryRule(
            f"alert-{name}",
            rule_name=name,
            display_name=alert.title,
            description=alert.title,
            resource_group_name=where.resource_group_name,
            location=where.location,
            scopes=[props.telemetry.workspace.id],
            severity=alert.severity,
            enabled=True,
            evaluation_frequency="PT5M",
            window_size="PT5M",
            auto_mitigate=True,
            skip_query_validation=True,  # the tables come with the first rows
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(
                all_of=[
                    monitor.ConditionArgs(
                        query=alert.query,
                        time_aggregation=monitor.TimeAggregation.COUNT,
                        operator="GreaterThan",
                        threshold=alert.above,
                        failing_periods=monitor.ConditionFailingPeriodsArgs(
                            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
                        ),
                    )
                ]
            ),
            actions=monitor.ActionsArgs(action_groups=[people.id]),
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _budget(self, props: AlertsProps) -> None:
        consumption.Budget(
            "budget",
            budget_name=props.names.budget,
            scope=props.resource_group_id,
            amount=props.budget.monthly,
            category=consumption.CategoryType.COST,
            time_grain=consumption.TimeGrainType.MONTHLY,
            time_period=consumption.BudgetTimePeriodArgs(
                start_date=f"{props.budget.start:%Y-%m-%d}T00:00:00Z"
            ),
            notifications={
                f"percent{percent}": consumption.NotificationArgs(
                    enabled=True,
                    operator=consumption.OperatorType.GREATER_THAN_OR_EQUAL_TO,
                    threshold=percent,
                    threshold_type=consumption.ThresholdType.ACTUAL,
                    contact_emails=list(props.contacts),
                )
                for percent in BUDGET_PERCENT
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
