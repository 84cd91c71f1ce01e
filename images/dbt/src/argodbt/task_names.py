"""Names that Kubernetes takes, from names that dbt takes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping

LONGEST = 50  # Argo puts the workflow's name before it and a hash behind it, and a pod's name may have 63
_HASHED = re.compile(r".*-[0-9a-f]{8}")


def task_names(wanted: Mapping[str, str]) -> dict[str, str]:
    """A name for each task: letters, digits and hyphens, a letter first, 50 characters at most, each only once.

    A name that is free is taken as it is. One that two tasks want, or that had to be cut, gets a hash of the task's
    key: it does not depend on the other tasks, so a new one changes no name but those that it collides with.

    Args:
        wanted: The name that would be best, by the task's key.
    """
    plain = {key: _label(name) for key, name in wanted.items()}
    count = Counter(plain.values())
    return {
        # A name that looks as if it had a hash gets one too: then no plain name equals a hashed one.
        key: name if count[name] == 1 and len(name) <= LONGEST and not _HASHED.fullmatch(name) else _hashed(name, key)
        for key, name in plain.items()
    }


def _label(name: str) -> str:
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return label if label[:1].isalpha() else f"n-{label}".rstrip("-")


def _hashed(name: str, key: str) -> str:
    return f"{name[: LONGEST - 9].rstrip('-')}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
