"""What host.json promises: the platform's own log holds nothing that a caller chose."""

import json
from pathlib import Path

from consentry.azure.names import INBOX_FUNCTION

HOST_JSON = Path(__file__).resolve().parents[3] / "functions" / "host.json"


def test_host_does_not_log_the_names_of_uploads() -> None:
    """At Information the host logs "New blob detected(EventGrid): {path}" for each of them."""
    levels = json.loads(HOST_JSON.read_bytes())["logging"]["logLevel"]
    assert levels[f"Function.{INBOX_FUNCTION}"] == "Warning"
    assert levels[f"Function.{INBOX_FUNCTION}.User"] == "Information"
