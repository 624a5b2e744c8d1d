"""All functions of the app, by interface; made anew for each set of services."""

import azure.functions as func

import access_api
import audit_api
import calibrations_api
import callers_api
import consents_api
import deletions_api
import face_api
import inbox_trigger
import public_api
import redaction_api
import tenants_api
import upkeep
import uploads_api
import verifications_api
import video_steps
import videos_api
from entry import Api, Provider
from openapi import describe


def register_all(services: Provider) -> list[Api]:
    """Register every function behind the gate, and the few open ones."""
    gated = [
        access_api.register(services),
        consents_api.register(services),
        face_api.register(services),
        verifications_api.register(services),
        calibrations_api.register(services),
        redaction_api.register(services),
        videos_api.register(services),
        uploads_api.register(services),
        audit_api.register(services),
        deletions_api.register(services),
        tenants_api.register(services),
        callers_api.register(services),
        inbox_trigger.register(services),
        video_steps.register(services),
        upkeep.register(services),
    ]

    def interface() -> dict[str, object]:
        return describe(endpoint for api in (public, *gated) for endpoint in api.endpoints)

    public = public_api.register(services, interface)
    return [public, *gated]


def make_app(services: Provider) -> func.FunctionApp:
    """Make the function app; the platform authenticates nobody, because the gate does."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    for api in register_all(services):
        app.register_functions(api.blueprint)
    return app
