"""A release by stages: python -m tools.release wheels images charts sign verify, or some of these (`make release`).

What is made lies in dist/; what was pushed is named there with its digest, in release.json, and so signed and verified:
a tag could be moved meanwhile. Variables: REGISTRY (ghcr.io/owner), PLATFORMS (of images, by buildx with SBOM and
provenance; where empty this machine's alone, by its own Docker, without these two), COSIGN_KEY and COSIGN_PUBLIC_KEY
(files; where empty keyless, by the identity of who runs it, which COSIGN_IDENTITY then names to who verifies).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator

from tools.cluster.command import Failed, need, run
from tools.cluster.images import OURS, version
from tools.cluster.options import ROOT

DIST = ROOT / "dist"
MEMBERS = ("images/dbt", "images/pipeline", "workflows", "dashboard")
ISSUER = "https://token.actions.githubusercontent.com"
_PUSHED = DIST / "release.json"


def wheels() -> str:
    """Builds a wheel of each member."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    run([*pip, "--wheel-dir", str(DIST), *(str(ROOT / member) for member in MEMBERS)])
    return ", ".join(path.name for path in sorted(DIST.glob("*.whl")))


def images() -> str:
    """Builds and pushes the images, each for all platforms."""
    need(["docker"])
    commit = run(["git", "-C", str(ROOT), "rev-parse", "HEAD"]).strip()
    for name in OURS:
        tag = f"{_registry()}/stocks-{name}:{version()}"
        told = ["--build-arg", f"VERSION={version()}", "--build-arg", f"REVISION={commit}", "--tag", tag]
        what = ["--file", str(ROOT / f"images/{name}/Dockerfile"), str(ROOT)]
        if platforms := os.environ.get("PLATFORMS"):
            facts = DIST / f"{name}.json"
            attested = ["--sbom=true", "--provenance=mode=max", "--push", "--metadata-file", str(facts)]
            run(["docker", "buildx", "build", "--platform", platforms, *attested, *told, *what])
            _note(tag, json.loads(facts.read_text())["containerimage.digest"])
            facts.unlink()
        else:
            run(["docker", "build", *told, *what])
            _note(tag, _digest_in(run(["docker", "push", tag])))
    return f"{len(OURS)} in {_registry()}"


def charts() -> str:
    """Packages the charts and pushes them as OCI artefacts."""
    need(["helm"])
    names = sorted(path.parent.name for path in (ROOT / "charts").glob("*/Chart.yaml"))
    for name in names:
        packed = run(["helm", "package", str(ROOT / "charts" / name), "--destination", str(DIST)])
        (archive,) = re.findall(r"saved it to: (.+)", packed)
        plain = ["--plain-http"] if _is_loopback() else []
        # Helm tells where it went on standard error.
        pushed = run(["sh", "-c", '"$0" "$@" 2>&1', "helm", "push", archive, f"oci://{_registry()}/charts", *plain])
        tag = archive.removesuffix(".tgz").rpartition(f"{name}-")[2]
        _note(f"{_registry()}/charts/{name}:{tag}", _digest_in(pushed))
    return f"{len(names)} in oci://{_registry()}/charts"


def sign() -> str:
    """Signs what was pushed, by digest, and the wheels."""
    need(["cosign"])
    key = os.environ.get("COSIGN_KEY")
    how = ["--yes", *(["--key", key, "--tlog-upload=false"] if key else [])]
    for reference in _pushed():
        run(["cosign", "sign", *how, *_plain(), reference])
    for path in sorted(DIST.glob("*.whl")):
        run(["cosign", "sign-blob", *how, "--bundle", f"{path}.sigstore.json", str(path)])
    return f"{len(_pushed())} in the registry, {len(list(DIST.glob('*.whl')))} wheels"


def verify() -> str:
    """Verifies every signature."""
    need(["cosign"])
    if key := os.environ.get("COSIGN_PUBLIC_KEY"):
        how = ["--key", key, "--insecure-ignore-tlog"]
    elif identity := os.environ.get("COSIGN_IDENTITY"):
        how = ["--certificate-identity-regexp", identity, "--certificate-oidc-issuer", ISSUER]
    else:
        raise Failed(
            "Whose signature? Set COSIGN_PUBLIC_KEY, or COSIGN_IDENTITY (https://github.com/OWNER/REPOSITORY/.*)."
        )
    for reference in _pushed():
        run(["cosign", "verify", *how, *_plain(), reference])
    for path in sorted(DIST.glob("*.whl")):
        run(["cosign", "verify-blob", *how, "--bundle", f"{path}.sigstore.json", str(path)])
    return "\n  ".join(["all of these:", *_pushed(), *(path.name for path in sorted(DIST.glob("*.whl")))])


STAGES: dict[str, Callable[[], str]] = {each.__name__: each for each in (wheels, images, charts, sign, verify)}


def main() -> int:
    """Runs the stages that are named, in the order of the list."""
    unknown = [name for name in sys.argv[1:] if name not in STAGES]
    if unknown or not sys.argv[1:]:
        print(f"Usage: python -m tools.release {' '.join(f'[{name}]' for name in STAGES)}", file=sys.stderr)
        return 2
    DIST.mkdir(exist_ok=True)
    try:
        _refuse(problems(os.environ.get("TAG", "")))
        for name, stage in STAGES.items():
            if name in sys.argv[1:]:
                print(f"{name}: {stage()}", flush=True)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


def problems(tag: str) -> Iterator[str]:
    """A line for whatever bears another version than the charts' images have.

    Args:
        tag: That of git, v1.2.3; empty where there is none.
    """
    if tag and tag != f"v{version()}":
        yield f"The tag is {tag}, and charts/stocks has the appVersion {version()}: tag v{version()}, or set that."
    places = {f"charts/{name}/Chart.yaml": r'^appVersion: "?([^"\n]+)' for name in ("stocks", "dashboard")}
    places |= {f"{member}/pyproject.toml": r'^version = "(.+)"' for member in MEMBERS}
    for place, pattern in places.items():
        (found,) = re.findall(pattern, (ROOT / place).read_text(), re.MULTILINE)
        if found != version():
            yield f"{place} has the version {found}, charts/stocks the appVersion {version()}."


def _refuse(found: Iterator[str]) -> None:
    if lines := list(found):
        raise Failed("\n".join(lines))


def _registry() -> str:
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    if not registry:
        raise Failed("Where to? Set REGISTRY, as ghcr.io/owner or 127.0.0.1:5000.")
    return registry.lower()


def _is_loopback() -> bool:
    return bool(re.match(r"(localhost|127\.[\d.]+)(:\d+)?(/|$)", _registry()))


def _plain() -> list[str]:
    return ["--allow-http-registry"] if _is_loopback() else []


def _digest_in(said: str) -> str:
    found = re.findall(r"(?i)digest: (sha256:[0-9a-f]{64})", said)
    if not found:
        raise Failed(f"No digest in what was said:\n{said}")
    return str(found[-1])


def _note(tag: str, digest: str) -> None:
    """Keeps what a tag meant when it was pushed."""
    told = json.loads(_PUSHED.read_text()) if _PUSHED.exists() else {}
    _PUSHED.write_text(json.dumps({**told, tag: digest}, indent=2) + "\n")


def _pushed() -> list[str]:
    """Name and digest of all that was pushed to this registry in this version."""
    told: dict[str, str] = json.loads(_PUSHED.read_text()) if _PUSHED.exists() else {}
    here = {tag: digest for tag, digest in told.items() if tag.startswith(f"{_registry()}/")}
    if not here:
        raise Failed(f"Nothing was pushed to {_registry()} yet: make release-images release-charts")
    return [f"{tag.rpartition(':')[0]}@{digest}" for tag, digest in here.items()]


if __name__ == "__main__":
    sys.exit(main())
