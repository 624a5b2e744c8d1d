"""Faces in videos: found, followed, covered, and the result looked at again.

``redact_video`` is the whole job on files that are already open; nothing here opens a file by
name, and nothing leads to a service.
"""

from consentry.vision.video.container import Limits, Probe, is_video
from consentry.vision.video.describe import description
from consentry.vision.video.encode import Codec
from consentry.vision.video.options import RedactedVideo, Region, Step, Tell, VideoOptions
from consentry.vision.video.redact import redact_video
from consentry.vision.video.sheet import contact_sheet
from consentry.vision.video.sound import SoundKind, SoundOptions
from consentry.vision.video.track import Track

__all__ = [
    "Codec",
    "Limits",
    "Probe",
    "RedactedVideo",
    "Region",
    "SoundKind",
    "SoundOptions",
    "Step",
    "Tell",
    "Track",
    "VideoOptions",
    "contact_sheet",
    "description",
    "is_video",
    "redact_video",
]
