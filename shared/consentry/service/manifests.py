"""Signed documents that prove what was done: redaction manifests and verification results.

A file holds a JWS in the flattened JSON form (RFC 7515, section 7.2.2), so that it is JSON as
its name says. It is signed by the deployment's key and verified offline with ``GET /keys``.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consentry import __version__
from consentry.errors import IntegrityError
from consentry.service.claims import Claimed
from consentry.service.invocation import Invocation
from consentry.service.judging import Verification
from consentry.service.ports import PublicKey, SigningKey
from consentry.trust.jws import open_document, sign_document
from consentry.trust.records import utc_text
from consentry.vision import Box, Mask, MaskOptions, ModelInfo, Redacted, Role

MANIFEST_MEDIA_TYPE: Final = "application/jose+json"
REDACTION: Final = "consentry-redaction+json"
VIDEO: Final = "consentry-video-redaction+json"
JOB: Final = "consentry-job+json"
VERIFICATION: Final = "consentry-verification+json"

_PARTS: Final = ("protected", "payload", "signature")


@dataclass(frozen=True)
class Notary:
    """Signs what an invocation did, in its own words and numbers."""

    key: SigningKey

    def redaction(
        self,
        invocation: Invocation,
        data: bytes,
        redacted: Redacted,
        options: MaskOptions,
        models: Mapping[Role, ModelInfo],
        claimed: Sequence[Claimed] = (),
    ) -> bytes:
        """Make the manifest of a redaction: hashes in and out, every mask, model and claim."""
        return self._sign(
            REDACTION,
            {
                **_head(invocation, models),
                "input": _file(data),
                "output": _file(redacted.data) | {"mediaType": redacted.media_type},
                "picture": {
                    "width": redacted.width,
                    "height": redacted.height,
                    "frames": redacted.frames,
                },
                "mask": {
                    "kind": options.kind.value,
                    "shape": options.shape.value,
                    "strength": options.kind.strength,
                },
                "faces": [_mask(mask) for mask in redacted.masks],
                "claims": [_claim(one) for one in claimed],
                "rounds": redacted.rounds,
            },
        )

    def video(
        self,
        invocation: Invocation,
        models: Mapping[Role, ModelInfo],
        described: Mapping[str, object],
    ) -> bytes:
        """Make the manifest of a video's redaction, of which the core has described its part."""
        return self._sign(VIDEO, {**_head(invocation, models), **described})

    def job(self, document: Mapping[str, object]) -> bytes:
        """Make the notice of a job's end."""
        return self._sign(JOB, document)

    def verification(
        self,
        invocation: Invocation,
        probe: bytes,
        reference: bytes,
        result: Verification,
        models: Mapping[Role, ModelInfo],
    ) -> bytes:
        """Make the result of a verification by upload."""
        return self._sign(
            VERIFICATION,
            {
                **_head(invocation, models),
                "probe": _file(probe),
                "reference": _file(reference),
                **result.document(),
            },
        )

    def _sign(self, kind: str, document: Mapping[str, object]) -> bytes:
        signed = sign_document(document, kind=kind, kid=self.key.kid, sign=self.key.sign)
        parts = dict(zip(_PARTS, signed.decode().split("."), strict=True))
        return json.dumps(parts, indent=2).encode()


def open_signed(file: bytes, *, kind: str, public_keys: Iterable[PublicKey]) -> dict[str, Any]:
    """Verify a file that a notary made and give its document; IntegrityError otherwise."""
    try:
        parts = json.loads(file)
        compact = ".".join(parts[name] for name in _PARTS)
        signed = compact.encode("ascii")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise IntegrityError("the signed file cannot be read") from None
    return open_document(signed, kind=kind, public_keys=public_keys)


def _head(invocation: Invocation, models: Mapping[Role, ModelInfo]) -> dict[str, object]:
    return {
        "audit": invocation.id,
        "time": utc_text(invocation.time),
        "tenant": invocation.tenant,
        "software": f"consentry {__version__}",
        "models": [
            {"role": role.value, "name": model.name, "sha256": model.digest}
            for role, model in models.items()
        ],
    }


def file_entry(sha256: str, size: int) -> dict[str, object]:
    """Tell which file is meant."""
    return {"sha256": sha256, "bytes": size}


def _file(data: bytes) -> dict[str, object]:
    return file_entry(hashlib.sha256(data).hexdigest(), len(data))


def _claim(claimed: Claimed) -> dict[str, object]:
    """Tell which receipt kept which face, or why it did not."""
    box = claimed.judged.box
    return {
        "receipt": claimed.claim.receipt_id,
        "kept": claimed.is_kept,
        "verdict": claimed.refusal or claimed.judged.verdict,
        **({"box": _box(box)} if box else {}),
    }


def _box(box: Box) -> dict[str, float]:
    return {
        "left": round(box.left, 1),
        "top": round(box.top, 1),
        "width": round(box.width, 1),
        "height": round(box.height, 1),
    }


def _mask(mask: Mask) -> dict[str, object]:
    return {
        "frame": mask.frame,
        "box": _box(mask.box),
        "kind": mask.kind.value,
        "score": round(mask.score, 4),
    }
