"""The host's own access keys: made at random for each run, compared in constant time.

Levels as the Functions host has them: the master key satisfies all, a function key only
``function``, and a system key nothing but the webhook it belongs to.
"""

import hmac
import secrets
from dataclasses import dataclass, field


def _random_key() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Keys:
    """All keys of one run; never shown by ``repr``."""

    master: str = field(default_factory=_random_key, repr=False)
    function: str = field(default_factory=_random_key, repr=False)
    blobs_extension: str = field(default_factory=_random_key, repr=False)

    def satisfies(self, level: str, presented: str) -> bool:
        """Tell whether the key that came with a request opens ``level``.

        ``level`` is anonymous, function, admin, or system for the blob webhook.
        """
        if level == "anonymous":
            return True
        opening = {"function": self.function, "system": self.blobs_extension}.get(level)
        return _same(presented, self.master) or (opening is not None and _same(presented, opening))


def _same(presented: str, key: str) -> bool:
    return hmac.compare_digest(presented.encode(), key.encode())
