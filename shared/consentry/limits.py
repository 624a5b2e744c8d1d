"""Every size that somebody outside can influence, by name and with its unit.

Azure AI Face's own limits (its ``detect`` reference) are kept where a number here is theirs.
"""

from typing import Final

MEBIBYTE: Final = 1024 * 1024

# Pictures, as bytes that arrive.
DETECT_BYTES_MAX: Final = 6 * MEBIBYTE  # Azure AI Face: 1 KB to 6 MB
DETECT_SIDE_PIXELS_MAX: Final = 4096  # Azure AI Face
VERIFICATION_BYTES_MAX: Final = 2 * DETECT_BYTES_MAX + 64 * 1024  # two pictures in a form
FORM_PARTS_MAX: Final = 8
FORM_MEMORY_BYTES_MAX: Final = 256 * 1024  # of a text in a form, and of what its reader holds
PICTURE_BYTES_MAX: Final = 50 * MEBIBYTE
PICTURE_BYTES_MIN: Final = 16  # shorter than any picture's header

# Pictures, as declared by their header, checked before anything is decoded.
PICTURE_SIDE_PIXELS_MAX: Final = 16_384
PICTURE_SIDE_PIXELS_MIN: Final = 8
PICTURE_PIXELS_MAX: Final = 50_000_000
ANIMATION_FRAMES_MAX: Final = 300
ANIMATION_PIXELS_MAX: Final = 50_000_000  # all frames together
HEIF_MEMORY_BYTES_MAX: Final = 2048 * MEBIBYTE  # of the process that decodes one file
HEIF_SECONDS_MAX: Final = 30  # that it may take
# Each scan of a progressive JPEG costs a pass over all its pixels; cameras write one, encoders
# for the web about ten.
JPEG_SCANS_MAX: Final = 100
ICC_PROFILE_BYTES_MAX: Final = MEBIBYTE

# Videos.
VIDEO_BYTES_MAX: Final = 16 * 1024 * MEBIBYTE
VIDEO_SIDE_PIXELS_MAX: Final = 4_096
VIDEO_SIDE_PIXELS_MIN: Final = 16
VIDEO_PIXELS_MAX: Final = 4_096 * 2_304  # of a frame
VIDEO_SECONDS_MAX: Final = 4 * 60 * 60
VIDEO_FRAMES_MAX: Final = 1_000_000
VIDEO_STREAMS_MAX: Final = 64
VIDEO_GAP_SECONDS_MAX: Final = 60 * 60  # from one frame to the next; more is a broken clock
VIDEO_REGIONS_MAX: Final = 1_000  # masked by hand
PREVIEW_THUMBNAILS_MAX: Final = 1_000  # of the tracks that were seen most; each is about 6 KiB
PREVIEW_BYTES_MAX: Final = 64 * MEBIBYTE  # of the document of a video's tracks
VIDEO_JOB_BYTES_MAX: Final = 4 * 1024 * MEBIBYTE  # a call that reads it thrice ends by 300 s
VIDEO_WHOLE_SECONDS_MAX: Final = 60  # of a video that cannot be cut: a call that writes it, too
VIDEO_DAMAGED_PACKETS_MAX: Final = 1_000
# A piece is what one machine loads and decodes: it ends at the first key frame after so much.
VIDEO_PIECE_SECONDS: Final = 10.0
VIDEO_PIECE_BYTES: Final = 32 * MEBIBYTE
VIDEO_PIECE_BYTES_MAX: Final = 128 * MEBIBYTE  # a video whose key frames lie farther apart is whole

# Jobs.
JOB_WISH_CHARACTERS_MAX: Final = 30_000  # of a table's property, which ends at 32,768
JOB_STALLED_SECONDS: Final = 15 * 60  # without a move, after which its messages are sent again
JOB_SECONDS_MAX: Final = 24 * 60 * 60  # after which it has failed
JOB_KEPT_SECONDS: Final = 30 * 24 * 60 * 60  # that its row tells what came of it
JOBS_TENDED_PER_RUN: Final = 1_000  # of a tenant, by a run of the timer

# Faces.
DETECT_FACES_MAX: Final = 100  # Azure AI Face
REDACT_FACES_MAX: Final = 2_000
FACE_ID_SECONDS_MIN: Final = 60  # Azure AI Face
FACE_ID_SECONDS_MAX: Final = 86_400  # Azure AI Face

# Requests and names.
JSON_BYTES_MAX: Final = 64 * 1024
JSON_DEPTH_MAX: Final = 16
URL_CHARACTERS_MAX: Final = 2_048
HEADER_CHARACTERS_MAX: Final = 256
BLOB_NAME_CHARACTERS_MAX: Final = 900  # Azure's 1,024 less room for a suffix and the tenant
TENANT_CHARACTERS_MAX: Final = 32
SCOPED_SECRET_CHARACTERS_MAX: Final = 128  # of a caller's key or a withdrawal code
UPLOAD_ADDRESS_SECONDS: Final = 15 * 60
RESULT_ADDRESS_SECONDS: Final = 5 * 60
WAITING_UPLOAD_SECONDS_MAX: Final = 24 * 60 * 60  # a verification that is not complete

# The gate.
ADMISSION_SECONDS: Final = 1.0  # that a key and approval once read may let calls in
ADMISSIONS_MAX: Final = 1_024  # remembered at a time
# An approval's rate is of calls that look at faces. Calls that only read (states of uploads,
# manifests, proofs) are counted apart, and may be so many times as frequent.
READS_PER_CALL: Final = 10
SIGHTINGS_KNOWN_MAX: Final = 4_096  # counters of verifications that an instance remembers
SIGHTINGS_PER_RUN: Final = 5_000  # of a tenant, that a run of the timer deletes
LATE_UPLOADS_PER_RUN: Final = 200  # of a tenant, that a run of the timer takes up
DATA_KEY_DAYS: Final = 30  # after which new templates get a new data key
DATA_KEY_SECONDS: Final = 10.0  # that an unwrapped key is used before its row is looked at again

# Audit.
AUDIT_RECORD_BYTES_MAX: Final = 8 * 1024
AUDIT_BATCH_BYTES_MAX: Final = 1 * MEBIBYTE
AUDIT_SEGMENT_BLOCKS_MAX: Final = 40_000  # an append blob ends at 50,000 blocks
AUDIT_SEGMENT_BYTES_MAX: Final = 16 * MEBIBYTE  # a verifier reads one segment at a time
AUDIT_INPUTS_MAX: Final = 16  # pictures of one invocation
AUDIT_COUNTS_MAX: Final = 16
AUDIT_MODELS_MAX: Final = 8
AUDIT_SEARCH_SECONDS_MAX: Final = 10 * 60  # from a call's start to its record; calls end by 300 s
AUDIT_PAGE_RECORDS_MAX: Final = 500
AUDIT_PAGE_BYTES_MAX: Final = 16 * MEBIBYTE  # of the log that one page reads
AUDIT_PAGE_DAYS_MAX: Final = 366
AUDIT_GAP_SECONDS_MAX: Final = 60 * 60  # between two checkpoints, which are made every minute
NOTE_BYTES_MAX: Final = 64 * 1024
NOTE_SIGNATURES_MAX: Final = 16  # the least that a verifier of signed notes has to accept
CALLER_KEYS_MAX: Final = 100  # of one tenant that open anything at a time
VERIFY_REQUESTS_PER_FOLDER_MAX: Final = 100  # read when a picture arrives below verify/
FETCH_SECONDS_MAX: Final = 10  # for a picture by address

# Deletion receipts.
DELETION_KINDS_MAX: Final = 32  # of one receipt
DELETION_BYTES_MAX: Final = 16 * 1024  # of a signed receipt
ERASURE_SETTLE_SECONDS: Final = UPLOAD_ADDRESS_SECONDS + 60  # calls end by 300 s, addresses by 900
ERASURE_DELETIONS_MAX: Final = 5_000  # in one run, which has to end within 300 s; the next goes on
ERASURE_NOTE_NAMES: Final = 500  # noted before they are deleted
ERASURE_NOTE_BYTES_MAX: Final = 8 * MEBIBYTE  # 500 names of 1,024 characters, escaped

# Retention.
RETENTION_DAYS_MAX: Final = 36_500
RETENTION_HOURS_MIN: Final = 1  # a result can be fetched for so long, whatever is set or decided
RETENTION_DELETIONS_MAX: Final = (
    5_000  # in one run, which has to end within 300 s; the next goes on
)
ORPHAN_SECONDS_MIN: Final = 60 * 60  # younger things may still be on their way

# Applications for access.
NAME_CHARACTERS_MAX: Final = 200  # of an organisation, or of a mail address
DESCRIPTION_CHARACTERS_MAX: Final = 4_000
APPLICATIONS_PER_DAY_MAX: Final = 50  # begun for one tenant, in any 24 hours
PLACES_MAX: Final = 64  # jurisdictions of one application
CASE_EVENTS_MAX: Final = 100  # so that the whole case stays one table row
TOKEN_CHARACTERS_MAX: Final = 8_192  # of a person's bearer token

# Calibrations on a tenant's own people; see ``consentry.trust.calibrations``.
CALIBRATION_DAYS: Final = 90  # from one to the next
CALIBRATION_KNOWN_SECONDS: Final = 1.0  # that one once read is gone by
CALIBRATION_PEOPLE_MIN: Final = 400  # fewer do not back a rate of 1 in 1,000
CALIBRATION_FACES_MAX: Final = 4_000
CALIBRATION_BYTES_MAX: Final = 256 * 1024  # of the request: 4,000 face ids

# Consents.
CONSENT_DAYS_MAX: Final = 3 * 366  # BIPA, section 15(a): three years after the last contact
CONSENT_PURPOSES_MAX: Final = 8
SUBJECT_CHARACTERS_MAX: Final = 64  # of a pseudonym
CONSENTS_LISTED_MAX: Final = 1_000  # in one reply
CLAIMS_MAX: Final = 16  # faces of one picture that may stay visible
CLAIMS_CHARACTERS_MAX: Final = 1_024
# After a consent has ended its templates are looked for once more: no call runs longer than this.
CONSENT_SETTLES_SECONDS: Final = 10 * 60
