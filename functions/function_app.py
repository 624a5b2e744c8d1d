"""Wiring: settings, services, functions. Nothing else happens here.

The settings are checked at start, so that a wrong one stops the app at once and says so. The
services, with their connections and models, are made at the first call: a start on Azure has
thirty seconds, and most starts are for health probes or scaling.
"""

from functools import cache

import azure.functions as func

import face_api
import inbox_trigger
import public_api
import redaction_api
import upkeep
import uploads_api
from consentry.service.services import Services, build
from consentry.service.settings import Settings
from entry import Api
from openapi import describe

settings = Settings.load()


@cache
def services() -> Services:
    """Give the services of this process, made once."""
    return build(settings)


def interface() -> dict[str, object]:
    """Describe the HTTP functions as they are registered."""
    return describe(endpoint for api in apis for endpoint in api.endpoints)


apis: list[Api] = [
    public_api.register(services, interface),
    face_api.register(services),
    redaction_api.register(services),
    uploads_api.register(services),
    inbox_trigger.register(services),
    upkeep.register(services),
]

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for api in apis:
    app.register_functions(api.blueprint)
