"""People with tokens, by an issuer of the tests' own."""

import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path

from joserfc.jwk import RSAKey

from consentry.localhost.issuer import (
    DEVELOPMENT_AUDIENCE,
    PUBLIC_FILE,
    make_issuer,
    make_token,
    person_id,
)
from consentry.service.people import People, people_of
from consentry.service.settings import Settings
from consentry.trust.operations import Role

_FOLDER = tempfile.TemporaryDirectory()
ISSUER_FILE = Path(_FOLDER.name) / PUBLIC_FILE
AUDIENCE = DEVELOPMENT_AUDIENCE


@cache
def issuer() -> RSAKey:
    """Give the tests' issuer, whose public keys lie in ISSUER_FILE."""
    return make_issuer(ISSUER_FILE)


def token(role: Role, name: str, tenant: str, now: datetime) -> str:
    """Make a token of a person."""
    return make_token(issuer(), role=role, name=name, tenant=tenant, now=now)


def principal_id(name: str) -> str:
    """Id of a person of that name, as it stands in records and decisions."""
    return person_id(name).replace("-", "")


def people(*tenants: str) -> People:
    """Make what reads the tests' tokens."""
    issuer()
    return people_of(
        Settings.load(
            {
                "CONSENTRY_ENVIRONMENT": "development",
                "CONSENTRY_TENANTS": ",".join(tenants),
                "CONSENTRY_JURISDICTION": "DE",
                "CONSENTRY_CONTACT": "privacy@operator.example",
                "CONSENTRY_WORK_BLOB_ENDPOINT": "http://127.0.0.1/blob",
                "CONSENTRY_WORK_TABLE_ENDPOINT": "http://127.0.0.1/table",
                "CONSENTRY_WORK_QUEUE_ENDPOINT": "http://127.0.0.1/queue",
                "CONSENTRY_AUDIT_BLOB_ENDPOINT": "http://127.0.0.1/audit",
                "CONSENTRY_LOCAL_KEYS": "unused",
                "CONSENTRY_LAYER": "unused",
                "CONSENTRY_AUDIENCE": AUDIENCE,
                "CONSENTRY_LOCAL_ISSUER": str(ISSUER_FILE),
            }
        )
    )
