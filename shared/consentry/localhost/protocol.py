"""Stand-ins for the worker protocol's protobuf messages.

Microsoft's worker library takes the module of message classes as an argument and uses it only
by attribute. These plain classes have the same names and fields, so that neither gRPC nor
protobuf is needed (generated protobuf code ties the whole environment to one protobuf version).
A test fails when the library asks for a name that is not here.
"""

from typing import TYPE_CHECKING, Any, ClassVar


class Message:
    """A message with the fields named in ``fields``; a field that is not given is None."""

    fields: ClassVar[tuple[str, ...]] = ()
    one_of: ClassVar[tuple[str, ...]] = ()  # fields of which one at most is set

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - set(self.fields + self.one_of)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)}")
        for name in self.fields + self.one_of:
            setattr(self, name, values.get(name))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 (protobuf's own name)
        """Name of the field that is set; every message here has at most one such group."""
        del group
        return next((name for name in self.one_of if getattr(self, name) is not None), None)


class StatusResult(Message):
    """Success or failure of a request."""

    Failure, Success, Cancelled = 0, 1, 2
    fields = ("status", "result", "exception", "logs")


class RpcException(Message):
    """An exception, as text."""

    fields = ("source", "stack_trace", "message")


class TypedData(Message):
    """One value of one of several types; empty when nothing is set."""

    one_of = (
        *("string", "json", "bytes", "stream", "http", "int", "double"),
        *("collection_bytes", "collection_string", "collection_double", "collection_sint64"),
        *("model_binding_data", "collection_model_binding_data"),
    )


class ModelBindingData(Message):
    """A reference from which the worker makes a client of the storage SDK."""

    fields = ("version", "source", "content_type", "content")


class ParameterBinding(Message):
    """A named argument of a function."""

    fields = ("name",)
    one_of = ("data", "rpc_shared_memory")


class RpcHttp(Message):
    """An HTTP request, or the response to it."""

    fields = (
        *("method", "url", "headers", "body", "params", "status_code", "query"),
        *("enable_content_negotiation", "rawBody", "cookies"),
    )


class _SameSite:
    Lax, Strict, ExplicitNone = 1, 2, 3


setattr(_SameSite, "None", 0)  # the enumeration's own name for "not set"


class RpcHttpCookie(Message):
    """A Set-Cookie header, taken apart."""

    SameSite = _SameSite
    fields = (
        *("name", "value", "domain", "path", "expires", "secure", "http_only"),
        *("same_site", "max_age"),
    )


class NullableString(Message):
    """Text, or nothing."""

    one_of = ("value",)


class NullableBool(Message):
    """A truth value, or nothing."""

    one_of = ("value",)


class NullableDouble(Message):
    """A number, or nothing."""

    one_of = ("value",)


class Timestamp(Message):
    """A moment in whole seconds since 1970."""

    fields = ("seconds",)


class NullableTimestamp(Message):
    """A moment, or nothing."""

    one_of = ("value",)


class BindingInfo(Message):
    """Direction and type of a function's binding."""

    undefined, string, binary, stream = 0, 1, 2, 3  # data types
    out, inout = 1, 2  # directions
    fields = ("type", "direction", "data_type", "properties")


setattr(BindingInfo, "in", 0)  # the direction's own name is a keyword


class RpcFunctionMetadata(Message):
    """What the worker found out about one function."""

    fields = (
        *("name", "directory", "script_file", "entry_point", "bindings", "is_proxy", "status"),
        *("language", "raw_bindings", "function_id", "managed_dependency_enabled"),
        *("retry_options", "properties"),
    )


class RpcRetryOptions(Message):
    """A function's retry policy."""

    fields = (
        *("max_retry_count", "delay_interval", "minimum_interval", "maximum_interval"),
        "retry_strategy",
    )


class RpcTraceContext(Message):
    """W3C trace context of an invocation."""

    fields = ("trace_parent", "trace_state", "attributes")


class RetryContext(Message):
    """How often an invocation was tried."""

    fields = ("retry_count", "max_retry_count", "exception")


class WorkerMetadata(Message):
    """What the worker says of itself."""

    fields = (
        *("runtime_name", "runtime_version", "worker_version", "worker_bitness"),
        "custom_properties",
    )


class WorkerInitRequest(Message):
    """Load the app of a folder."""

    fields = (
        *("host_version", "capabilities", "log_categories", "worker_directory"),
        "function_app_directory",
    )


class WorkerInitResponse(Message):
    """The app is loaded, or why not."""

    fields = ("worker_version", "capabilities", "result", "worker_metadata")


class FunctionsMetadataRequest(Message):
    """Ask for all functions."""

    fields = ("function_app_directory",)


class FunctionMetadataResponse(Message):
    """All functions of the app."""

    fields = ("function_metadata_results", "result", "use_default_metadata_indexing")


class FunctionLoadRequest(Message):
    """Make one function ready."""

    fields = ("function_id", "metadata", "managed_dependency_enabled")


class FunctionLoadResponse(Message):
    """One function is ready."""

    fields = ("function_id", "result", "is_dependency_downloaded")


class InvocationRequest(Message):
    """Call a function."""

    fields = (
        *("invocation_id", "function_id", "input_data", "trigger_metadata", "trace_context"),
        "retry_context",
    )


class InvocationResponse(Message):
    """What a function gave back, or the exception it raised."""

    fields = ("invocation_id", "output_data", "return_value", "result")


class StreamingMessage(Message):
    """The envelope of every request."""

    one_of = (
        *("worker_init_request", "functions_metadata_request", "function_load_request"),
        "invocation_request",
    )
