"""Between the host's frames and the worker library's messages.

An invocation frame's head: ``id`` number of the call, ``call`` the invocation id, ``function``
the function's id, ``parameter`` the trigger's argument, ``kind`` and ``value`` what it gets (the
payload itself is the frame's body), ``metadata`` name -> [kind, text], ``trace`` the W3C trace
context. A reply frame's head: ``id``, and either ``error`` or what the function returned.
"""

from typing import Any

from consentry.localhost import protocol
from consentry.localhost.frames import Frame


def to_request(frame: Frame) -> protocol.InvocationRequest:
    """Make the library's invocation request of a frame."""
    head = frame.head
    parent, state = head["trace"]
    return protocol.InvocationRequest(
        invocation_id=head["call"],
        function_id=head["function"],
        input_data=[
            protocol.ParameterBinding(
                name=head["parameter"], data=_typed(head["kind"], head["value"], frame.body)
            )
        ],
        trigger_metadata={
            name: protocol.TypedData(**{kind: text})
            for name, (kind, text) in head["metadata"].items()
        },
        trace_context=protocol.RpcTraceContext(
            trace_parent=parent, trace_state=state, attributes={}
        ),
        retry_context=protocol.RetryContext(retry_count=0, max_retry_count=0),
    )


def to_reply(number: int, response: protocol.InvocationResponse) -> Frame:
    """Make the reply frame of the library's response."""
    if response.result.status != protocol.StatusResult.Success:
        error = response.result.exception
        return Frame({"id": number, "error": error.message, "trace": error.stack_trace})
    returned = response.return_value
    kind = returned.WhichOneof("data") if returned is not None else None
    if kind == "http":
        return _http_reply(number, returned.http)
    if kind == "bytes":
        return Frame({"id": number, "kind": "bytes"}, returned.bytes)
    return Frame({"id": number, "kind": kind, "value": getattr(returned, kind) if kind else None})


def _typed(kind: str, value: Any, body: bytes) -> protocol.TypedData:
    if kind == "bytes":
        return protocol.TypedData(bytes=body)
    if kind == "http":
        content = protocol.TypedData(bytes=body) if body else protocol.TypedData()
        return protocol.TypedData(http=protocol.RpcHttp(**value, body=content))
    if kind == "model_binding_data":
        return protocol.TypedData(
            model_binding_data=protocol.ModelBindingData(
                version="1.0",
                source="AzureStorageBlobs",
                content_type="application/json",
                content=body,
            )
        )
    return protocol.TypedData(**{kind: value})


def _http_reply(number: int, reply: protocol.RpcHttp) -> Frame:
    body = reply.body.bytes if reply.body is not None else None
    head = {
        "id": number,
        "kind": "http",
        "status": int(reply.status_code),
        "headers": reply.headers,
        "cookies": [_cookie(cookie) for cookie in reply.cookies or ()],
    }
    return Frame(head, body or b"")


def _cookie(cookie: protocol.RpcHttpCookie) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain.value if cookie.domain else "",
        "path": cookie.path.value if cookie.path else "",
        "expires": cookie.expires.value.seconds if cookie.expires else None,
        "secure": bool(cookie.secure and cookie.secure.value),
        "http_only": bool(cookie.http_only and cookie.http_only.value),
        "same_site": cookie.same_site,
        "max_age": cookie.max_age.value if cookie.max_age else None,
    }
