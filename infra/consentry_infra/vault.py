"""The vault with the two signing keys and the wrapping key."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault

from consentry.azure.names import KeyName
from consentry_infra.config import Vault as VaultConfig
from consentry_infra.naming import Names
from consentry_infra.secure import Placement, rotation, vault, vault_key


@dataclass(frozen=True)
class VaultProps:
    """What the vault depends on; ``directory_id`` is the Entra directory of its principals."""

    names: Names
    where: Placement
    directory_id: str
    config: VaultConfig


class Vault(pulumi.ComponentResource):
    """The vault; ``keys`` by name."""

    def __init__(
        self, name: str, props: VaultProps, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("consentry:infra:Vault", name, None, opts)
        hsm = props.config.hsm
        days = props.config.rotate_days
        self.vault = vault(
            "vault", props.names.vault, props.directory_id, props.config, props.where, self
        )
        signing = keyvault.KeyPropertiesArgs(
            kty=keyvault.JsonWebKeyType.E_C_HSM if hsm else keyvault.JsonWebKeyType.EC,
            curve_name=keyvault.JsonWebKeyCurveName.P_256,
            key_ops=["sign", "verify"],
            attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
            rotation_policy=rotation(days),
        )
        wrapping = keyvault.KeyPropertiesArgs(
            kty=keyvault.JsonWebKeyType.RS_A_HSM if hsm else keyvault.JsonWebKeyType.RSA,
            key_size=3072,
            key_ops=["wrapKey", "unwrapKey"],
            attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
            rotation_policy=rotation(days),
        )
        self.keys = {
            key: vault_key(key, key, parts, self.vault, props.where, self)
            for key, parts in (
                (KeyName.SIGNING, signing),
                (KeyName.DECISIONS, signing),
                (KeyName.WRAPPING, wrapping),
            )
        }
        self.register_outputs({})

    def scope(self, key: KeyName) -> pulumi.Output[str]:
        """Scope at which a role on one key is assigned."""
        return pulumi.Output.concat(self.vault.id, "/keys/", self.keys[key].name)
