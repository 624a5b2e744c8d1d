"""Private networking: a subnet for the app, one for private endpoints, and their names in DNS."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import islice
from typing import Final

import pulumi
from pulumi_azure_native import network, privatedns

from consentry_infra.naming import Names
from consentry_infra.secure import Placement

FLEX_DELEGATION: Final = "Microsoft.App/environments"


class Zone(StrEnum):
    """DNS zones in which Azure looks for private endpoints."""

    BLOB = "privatelink.blob.core.windows.net"
    QUEUE = "privatelink.queue.core.windows.net"
    TABLE = "privatelink.table.core.windows.net"
    VAULT = "privatelink.vaultcore.azure.net"
    SITES = "privatelink.azurewebsites.net"


@dataclass(frozen=True)
class Private:
    """A service to reach privately: its resource, the part of it, and its zone."""

    resource_id: pulumi.Input[str]
    part: str
    zone: Zone


@dataclass(frozen=True)
class NetworkProps:
    """What the network depends on; the address space is cut in two subnets."""

    names: Names
    where: Placement


class PrivateNetwork(pulumi.ComponentResource):
    """The virtual network; private endpoints are added by ``connect``."""

    def __init__(
        self, name: str, props: NetworkProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:PrivateNetwork", name, None, opts)
        self._props = props
        where = props.where
        for_app, for_endpoints = _halves(where.network.address_space)
        self._network = network.VirtualNetwork(
            "network",
            virtual_network_name=props.names.network,
            resource_group_name=where.resource_group_name,
            location=where.location,
            address_space=network.AddressSpaceArgs(
                address_prefixes=[str(where.network.address_space)]
            ),
            tags=where.tags,
            # Subnets are resources of their own; as a property here they would undo each other.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["subnets"]),
        )
        self.app_subnet = self._subnet(
            "app",
            for_app,
            [network.DelegationArgs(name="functions", service_name=FLEX_DELEGATION)],
        )
        # Azure changes one subnet of a network at a time.
        self._endpoints = self._subnet("endpoints", for_endpoints, [], after=self.app_subnet)
        self._zones = {zone: self._zone(zone) for zone in Zone}
        self.register_outputs({})

    def connect(self, services: Mapping[str, Private]) -> list[pulumi.Resource]:
        """Make a private endpoint for each service and give what must exist to reach it."""
        return [self._endpoint(name, service) for name, service in services.items()]

    def _subnet(
        self,
        name: str,
        addresses: IPv4Network,
        delegations: list[network.DelegationArgs],
        after: pulumi.Resource | None = None,
    ) -> network.Subnet:
        return network.Subnet(
            f"subnet-{name}",
            subnet_name=name,
            virtual_network_name=self._network.name,
            resource_group_name=self._props.where.resource_group_name,
            address_prefix=str(addresses),
            delegations=delegations,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after] if after else []),
        )

    def _zone(self, zone: Zone) -> privatedns.PrivateZone:
        where = self._props.where
        made = privatedns.PrivateZone(
            f"zone-{zone.name.lower()}",
            private_zone_name=zone.value,
            resource_group_name=where.resource_group_name,
            location="Global",
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        privatedns.VirtualNetworkLink(
            f"link-{zone.name.lower()}",
            virtual_network_link_name=self._props.names.network,
            private_zone_name=made.name,
            resource_group_name=where.resource_group_name,
            location="Global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=self._network.id),
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made

    def _endpoint(self, name: str, service: Private) -> pulumi.Resource:
        where = self._props.where
        endpoint = network.PrivateEndpoint(
            f"endpoint-{name}",
            private_endpoint_name=self._props.names.endpoint(name),
            resource_group_name=where.resource_group_name,
            location=where.location,
            subnet=network.SubnetArgs(id=self._endpoints.id),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=name,
                    private_link_service_id=service.resource_id,
                    group_ids=[service.part],
                )
            ],
            tags=where.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return network.PrivateDnsZoneGroup(
            f"endpoint-{name}-names",
            private_dns_zone_group_name="default",
            private_endpoint_name=endpoint.name,
            resource_group_name=where.resource_group_name,
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(
                    name=service.zone.name.lower(),
                    private_dns_zone_id=self._zones[service.zone].id,
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _halves(space: IPv4Network) -> tuple[IPv4Network, IPv4Network]:
    first, second = islice(space.subnets(), 2)
    return first, second
