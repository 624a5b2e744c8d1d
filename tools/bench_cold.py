"""One process from its start to its first verified answer; prints the splits as JSON.

The parent passes the time at which it started this process, so that the interpreter's own start
counts. The app is imported and called as the worker does it, without a host in between.
"""

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
started = float(os.environ.pop("BENCH_STARTED"))
sys.path.insert(0, str(ROOT / "functions"))

import azure.functions as func  # noqa: E402 (imports are what is timed here)

from function_app import app, services  # noqa: E402

imported = time.time()
services().vision.warm_up()
loaded = time.time()

handlers = {
    function.get_function_name(): function.get_user_function() for function in app.get_functions()
}


def call(name: str, body: bytes, media_type: str) -> Any:
    """Call a function with a request and give its JSON reply."""
    request = func.HttpRequest(
        method="POST",
        url=f"/face/v1.2/{name}",
        headers={
            "Content-Type": media_type,
            "Content-Length": str(len(body)),
            "Ocp-Apim-Subscription-Key": sys.argv[1],
            "X-Consentry-Consent": sys.argv[2],
        },
        route_params={"version": "v1.2"},
        params={},
        body=body,
    )
    reply = handlers[name](request, SimpleNamespace(invocation_id=""))
    return json.loads(reply.get_body())


ids = [
    call("detect", (ROOT / ".consentry/samples" / photo).read_bytes(), "application/octet-stream")
    for photo in sys.argv[3:]
]
body = {f"faceId{number}": faces[0]["faceId"] for number, faces in enumerate(ids, 1)}
answer = call("verify", json.dumps(body).encode(), "application/json")
finished = time.time()
if not answer["isIdentical"]:
    raise SystemExit("the verification came out wrong")
print(  # noqa: T201
    json.dumps(
        {
            "imports": imported - started,
            "models": loaded - imported,
            "first_call": finished - loaded,
            "total": finished - started,
        }
    )
)
