"""A function app that shows every behaviour of the development host to its tests."""

import json
import logging
import os
import time
from uuid import uuid4

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
from azure.functions.blob import InputStream
from azure.functions.timer import TimerRequest
from azure.storage.blob import BlobServiceClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
ANONYMOUS = func.AuthLevel.ANONYMOUS
CONNECTION = "ConsentryWork"


def note(name: str, content: dict[str, object]) -> None:
    """Write what a trigger brought into container ``notes``, where the tests read it."""
    service = BlobServiceClient.from_connection_string(os.environ[CONNECTION])
    service.get_blob_client("notes", name).upload_blob(json.dumps(content), overwrite=True)


@app.route("echo/{kind:alpha}/{id:int?}", methods=["GET", "POST"], auth_level=ANONYMOUS)
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "query": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"),
        "trace": context.trace_context.trace_parent,
        "invocation": context.invocation_id,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route("echo/{kind:alpha}/fixed", methods=["GET"], auth_level=ANONYMOUS)
async def fixed(req: func.HttpRequest) -> str:
    return f"the literal wins over {req.route_params['kind']}"


@app.route("files/{*path}", methods=["PUT"], auth_level=ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), mimetype="application/octet-stream")


@app.route("cookies", methods=["GET"], auth_level=ANONYMOUS)
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    reply = func.HttpResponse(req.method, status_code=202)
    reply.headers.add("Set-Cookie", "a=1; Path=/; Secure; HttpOnly; SameSite=Strict")
    reply.headers.add("Set-Cookie", "b=2; Max-Age=60; Expires=Thu, 01 Jan 2032 00:00:00 GMT")
    return reply


@app.route("text", methods=["POST"], auth_level=ANONYMOUS)
def text(req: func.HttpRequest) -> str:
    return req.get_body().decode()


@app.route("broken", auth_level=ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError(f"this text must not reach the caller of {req.method}")


@app.route("keyed", methods=["GET"])
def keyed(req: func.HttpRequest) -> str:
    return f"in by {req.method}"


@app.route("owned", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def owned(req: func.HttpRequest) -> str:
    return f"in by {req.method}"


@app.route("disabled", methods=["GET"], auth_level=ANONYMOUS)
def disabled(req: func.HttpRequest) -> str:
    return f"in by {req.method}"


@app.route("process", methods=["GET"], auth_level=ANONYMOUS)
def process(req: func.HttpRequest) -> str:
    return f"{os.getpid()} {req.method}"


@app.route("setting/{name}", methods=["GET"], auth_level=ANONYMOUS)
def setting(req: func.HttpRequest) -> str:
    return os.environ.get(req.route_params["name"], "")


@app.route("hang", methods=["POST"], auth_level=ANONYMOUS)
def hang(req: func.HttpRequest) -> str:
    time.sleep(600)  # longer than the timeout in host.json
    return f"too late for {req.method}"


@app.route("crash", methods=["POST"], auth_level=ANONYMOUS)
def crash(req: func.HttpRequest) -> str:
    os._exit(len(req.method))


@app.blob_trigger(
    "client", path="inbox/{owner}/{name}", connection=CONNECTION, source=func.BlobSource.EVENT_GRID
)
def arrived(client: blob.BlobClient) -> None:
    data = client.download_blob().readall()
    if data == b"poison":
        note(f"tried/{uuid4()}/{client.blob_name}", {})
        raise RuntimeError("not this one")
    note(f"arrived/{client.blob_name}", {"size": len(data)})


@app.blob_trigger(
    "data", path="stream/{name}.bin", connection=CONNECTION, source=func.BlobSource.EVENT_GRID
)
def streamed(data: InputStream) -> None:
    note(
        f"streamed/{data.name}",
        {
            "uri": data.uri,
            "length": data.length,
            "size": len(data.read()),
            "metadata": data.metadata,
        },
    )


@app.queue_trigger("message", queue_name="work-items", connection=CONNECTION)
def worked(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    note(f"worked/{message.id}/{message.dequeue_count}", {"body": body})
    if body == "poison":
        raise RuntimeError("not this one")


@app.queue_trigger("message", queue_name="more-items-poison", connection=CONNECTION)
def watched(message: func.QueueMessage) -> None:
    note(f"watched/{message.id}/{uuid4()}", {})
    raise RuntimeError("nor this one")


@app.timer_trigger("timer", schedule="*/1 * * * * *")
def ticked(timer: TimerRequest) -> None:
    note("ticked", {"past_due": timer.past_due, "status": timer.schedule_status})
    logging.info("tick")


@app.timer_trigger("timer", schedule="0 0 0 1 1 *")
def rarely(timer: TimerRequest) -> None:
    note("rarely", {"past_due": timer.past_due})
