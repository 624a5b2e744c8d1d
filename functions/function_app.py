"""Wiring: settings, services, functions. Nothing else happens here.

The settings are checked at start, so that a wrong one stops the app at once and says so. The
services, with their connections and models, are made at the first call: a start on Azure has
thirty seconds, and most starts are for health probes or scaling.
"""

from consentry.service.deployment import connect
from consentry.service.services import Once, assemble
from consentry.service.settings import Settings
from registry import make_app

settings = Settings.load()
services = Once(lambda: assemble(settings, connect(settings)))
app = make_app(services)
