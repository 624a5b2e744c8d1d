"""The ONNX core: faces in pictures, found, compared one to one, and covered.

No network, no clock, no Azure; the only files read are the pinned models and what was measured
with them. ``Vision`` is the door. Similarities become rates of error in
``consentry.vision.calibrate``, and ``consentry.vision.layer`` builds and checks the models.
"""

from consentry.vision.attributes import Attributes, MaskWorn
from consentry.vision.claims import Claim, Judged, Verdict
from consentry.vision.detect import Face, Profile
from consentry.vision.embed import (
    TEMPLATE_VALUES,
    Embedded,
    Template,
    TemplateProfile,
    similarity,
)
from consentry.vision.facade import EMBEDDING_ROLES, Vision
from consentry.vision.geometry import Box
from consentry.vision.layer import ModelInfo, Role
from consentry.vision.mask import MaskKind, MaskOptions, MaskShape, mask_kind
from consentry.vision.picture import Picture, PictureLimits
from consentry.vision.quality import Quality, QualityLevel
from consentry.vision.recognise import Photograph, Recognised
from consentry.vision.redact import Mask, Redacted
from consentry.vision.stages import model_seconds, spent
from consentry.vision.subject import claimed, subject

__all__ = [
    "EMBEDDING_ROLES",
    "TEMPLATE_VALUES",
    "Attributes",
    "Box",
    "Claim",
    "Embedded",
    "Face",
    "Judged",
    "Mask",
    "MaskKind",
    "MaskOptions",
    "MaskShape",
    "MaskWorn",
    "ModelInfo",
    "Photograph",
    "Picture",
    "PictureLimits",
    "Profile",
    "Quality",
    "QualityLevel",
    "Recognised",
    "Redacted",
    "Role",
    "Template",
    "TemplateProfile",
    "Verdict",
    "Vision",
    "claimed",
    "mask_kind",
    "model_seconds",
    "similarity",
    "spent",
    "subject",
]
