"""The wiring: from settings to use cases. Made once in a process."""

from dataclasses import dataclass

from consentry.azure.fetch import Fetcher
from consentry.service.addresses import Addresses
from consentry.service.faces import Faces
from consentry.service.gate import Gate
from consentry.service.inbox import Inbox
from consentry.service.ports import SigningKey
from consentry.service.redaction import Redactions
from consentry.service.settings import Settings
from consentry.service.upkeep import Upkeep
from consentry.vision import Vision


@dataclass(frozen=True)
class Services:
    """Everything that the functions call."""

    settings: Settings
    gate: Gate
    vision: Vision
    faces: Faces
    redactions: Redactions
    inbox: Inbox
    addresses: Addresses
    upkeep: Upkeep
    signing_key: SigningKey
    fetch: Fetcher
