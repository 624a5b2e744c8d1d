"""Every error that crosses a boundary of this package.

ConsentryError
├── InputError                   hostile, malformed or unsuitable data from outside
│   ├── ArgumentError              a parameter, header or JSON body is wrong
│   ├── UrlError                   an address is not allowed or cannot be fetched
│   ├── PictureError               the bytes are not a picture that can be read
│   │   └── PictureSizeError         too many bytes, pixels or frames, or too few
│   ├── VideoError                   the bytes are not a video that can be read
│   │   └── VideoSizeError           too many bytes, pixels, frames or seconds, or too few
│   ├── PayloadTooLargeError       the request is larger than its limit
│   ├── LengthRequiredError        the request does not say how long it is
│   ├── UploadExpiredError         the rest of a verification did not arrive in time
│   ├── NotFoundError              nothing of that name belongs to the caller
│   ├── StateError                 as an application or a tenant's keys stand, not that step
│   └── FaceNotFoundError          no such face, or its template has expired
├── RefusedError                 the gate, or a rule that no approval can lift, said no
│   ├── AuthenticationError        who is asking could not be established
│   ├── NotApprovedError           no approval in force covers the operation
│   ├── ConsentRequiredError       no consent in force stands behind the template asked for
│   ├── SubjectMismatchError       the two faces were claimed to be two people's
│   ├── UnsupportedFeatureError    a feature that this service does not have
│   └── RateLimitedError           the tenant's calls of this minute are used up
├── UploadAbandonedError         an upload failed at every delivery
├── RedactionError               a face is still found after masking
├── IntegrityError               a hash, signature, chain or ciphertext does not verify
├── LayerError                   the model layer is missing, incomplete or not what is pinned
├── SettingsError                the settings are incomplete or contradict each other
├── LocalStackError              a part of the local stack is missing, did not start or gave up
└── StorageError                 a store did not answer, or not as it should
    ├── ConflictError              the thing was changed, made or deleted meanwhile
    └── AuditUnavailableError      the audit record could not be made durable

Three kinds never mix: a bug of ours (any other exception), hostile data (InputError) and
transport (StorageError). Each class has one documented ``code``, which is all that replies,
audit records and logs carry; a message is a plain sentence that never contains a person's
data, a key, a path or a name that a caller chose.
"""

from typing import ClassVar


class ConsentryError(Exception):
    """Base of all errors of this package; ``code`` is stable and documented."""

    code: ClassVar[str] = "InternalError"


class InputError(ConsentryError):
    """Data from outside is hostile, malformed or unsuitable."""

    code = "BadArgument"


class ArgumentError(InputError):
    """A parameter, header or body field is missing, malformed or out of range."""

    code = "BadArgument"


class UrlError(InputError):
    """An address is not on the allow-list, not public, or cannot be fetched."""

    code = "InvalidURL"


class PictureError(InputError):
    """The bytes are not a picture that this service can read."""

    code = "InvalidImage"


class PictureSizeError(PictureError):
    """The picture has too many or too few bytes, pixels or frames."""

    code = "InvalidImageSize"


class VideoError(InputError):
    """The bytes are not a video that this service can read."""

    code = "InvalidVideo"


class VideoSizeError(VideoError):
    """The video has too many or too few bytes, pixels, frames or seconds."""

    code = "InvalidVideoSize"


class PayloadTooLargeError(InputError):
    """The request body is larger than its limit."""

    code = "RequestTooLarge"


class LengthRequiredError(InputError):
    """The request has no Content-Length; chunked bodies do not reach a function."""

    code = "LengthRequired"


class UploadExpiredError(InputError):
    """A picture or request of a verification whose other parts did not arrive in time."""

    code = "UploadExpired"


class NotFoundError(InputError):
    """Nothing of that name belongs to the caller's tenant."""

    code = "NotFound"


class StateError(InputError):
    """As an application or a tenant's keys stand, that step is not legal."""

    code = "IllegalState"


class FaceNotFoundError(InputError):
    """No face there, or the template behind a face id is gone."""

    code = "FaceNotFound"


class RefusedError(ConsentryError):
    """The gate refused; ``reason`` says why in the audit record."""

    code = "Refused"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AuthenticationError(RefusedError):
    """Who is asking could not be established."""

    code = "401"


class NotApprovedError(RefusedError):
    """No approval in force covers the operation for this tenant."""

    code = "UnsupportedFeature"


class ConsentRequiredError(RefusedError):
    """No consent in force, of this tenant and for this purpose, was named."""

    code = "ConsentRequired"


class SubjectMismatchError(RefusedError):
    """A comparison of faces that were not claimed to be one person's."""

    code = "SubjectMismatch"


class UnsupportedFeatureError(RefusedError):
    """A retired attribute, a search of one against many, or a feature not offered."""

    code = "UnsupportedFeature"


class RateLimitedError(RefusedError):
    """The tenant's calls of this minute are used up; ``retry_after`` is in whole seconds."""

    code = "RateLimitExceeded"

    def __init__(
        self, message: str, *, reason: str = "rate_limited", retry_after: int = 60
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class UploadAbandonedError(ConsentryError):
    """An upload failed at every delivery, for a reason that is not its own."""

    code = "UploadAbandoned"


class RedactionError(ConsentryError):
    """A face is still found in the masked picture or video; nothing is released."""

    code = "ResidualFace"


class IntegrityError(ConsentryError):
    """A hash, signature, chain or ciphertext does not verify."""

    code = "IntegrityFailure"


class LayerError(ConsentryError):
    """The model layer is missing, incomplete, or not what the lock file pins."""

    code = "ModelLayer"


class SettingsError(ConsentryError):
    """The settings are incomplete or contradict each other."""

    code = "Settings"


class LocalStackError(ConsentryError):
    """A part of the local stack is missing, did not start, gave up, or refused the app."""

    code = "LocalStack"


class StorageError(ConsentryError):
    """A store did not answer, or not as it should."""

    code = "ServiceUnavailable"


class ConflictError(StorageError):
    """The thing was made, changed or deleted by somebody else meanwhile."""

    code = "ConcurrentOperationConflict"


class AuditUnavailableError(StorageError):
    """The audit record could not be made durable, so there is no result."""

    code = "ServiceUnavailable"
