"""What `.env` and the environment say of the provider of prices, for the cluster.

Keys go to the cluster by standard input: a command line can be read by all who share the machine.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.cluster.command import Failed, run
from tools.cluster.options import NAMESPACE, ROOT, Options

# Other keys that this machine's environment may hold are nobody's business.
_NAMES = re.findall(r"^#?(STOCKS_SOURCE|STOCKS_SERIES|\w+_API_KEY)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
_KEY = "_API_KEY"
_LINE = re.compile(
    r"""^[ \t]*(?:export\s+)?(\w+)[ \t]*=[ \t]*(?:'([^'\n]*)'|"([^"\n]*)"|((?!\#)[^\n]*?))(?:[ \t]+\#.*)?[ \t]*$""",
    re.MULTILINE,
)


def read(file: Path = ROOT / ".env", environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings that a provider has, without the empty ones; the environment goes before the file, as for `stocks`.

    Raises:
        Failed: The file can't be read.
    """
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{file} can't be read: it must be a text file in UTF-8.") from error
    found = {name: "".join(values) for name, *values in _LINE.findall(text)}
    return {name: value for name in _NAMES if (value := environment.get(name) or found.get(name))}


def values(settings: dict[str, str]) -> dict[str, Any]:
    """What the settings are in values of the chart stocks; its own defaults where they say nothing."""
    keys = _keys(settings)
    source = settings.get("STOCKS_SOURCE") or ",".join(name.removesuffix(_KEY).lower() for name in keys)
    provider = {"existingSecret": True} if keys else None
    said = {"source": source.replace(" ", ""), "series": settings.get("STOCKS_SERIES"), "provider": provider}
    return {name: value for name, value in said.items() if value}


def install(options: Options, settings: dict[str, str]) -> str:
    """Keeps the keys in the Secret stocks-provider, where there are any; gives a line that says which."""
    keys = _keys(settings)
    if not keys:
        return "no key"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        # Helm would delete it where an earlier release of the chart made it from a value.
        "metadata": {
            "name": "stocks-provider",
            "namespace": NAMESPACE,
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        # Not stringData: a key that left .env would stay in the cluster.
        "data": {name: base64.b64encode(key.encode()).decode() for name, key in keys.items()},
    }
    run([*options.apply, "--filename", "-"], text=json.dumps(secret))
    return f"{', '.join(keys)} in the Secret stocks-provider"


def _keys(settings: dict[str, str]) -> dict[str, str]:
    """The keys of providers; none where the sample is asked for, which needs none."""
    is_sample = settings.get("STOCKS_SOURCE") == "sample"
    return {} if is_sample else {name: key for name, key in settings.items() if name.endswith(_KEY)}
