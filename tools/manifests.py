"""Makes deploy/kustomize from the chart, so that there is one description: `make manifests`.

Each component's resources go into one file, without what is Helm's own. The kustomization.yaml files are written by
hand; a test holds the others to the chart.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy" / "helm" / "wallet"
KUSTOMIZE = ROOT / "deploy" / "kustomize"
HELM = ROOT / "tools" / "kubernetes" / "bin" / "helm" / "helm"
KUBECTL = ROOT / "tools" / "kubernetes" / "bin" / "kubectl" / "kubectl"

PLACES = {
    "serve": "base",
    "consume": "base",
    "relay": "base",
    "api": "base",
    "migrate": "migrate",
    "console": "components/console",
    "gateway": "components/gateway",
    "metrics": "components/monitoring",
}
"""Where each component's file is."""

_ALL = ("monitoring.enabled=true", "console.enabled=true", "gateway.enabled=true")
_HELMS_OWN = ("app.kubernetes.io/managed-by", "helm.sh/chart")

Resource = dict[str, Any]


def render(*values: str) -> list[Resource]:
    """Render the chart as release `wallet` with these values, `path=value`, hooks included.

    Raises:
        subprocess.CalledProcessError: It cannot be rendered; helm's words are in `stderr`.
    """
    command = [
        str(HELM),
        "template",
        "wallet",
        str(CHART),
        *(word for value in values for word in ("--set-json", value)),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - a pinned program
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def plain(resource: Resource) -> Resource:
    """Take away what is Helm's own."""
    kept = {name: _without_labels(value) for name, value in resource.items()}
    annotations = kept["metadata"].get("annotations", {})
    for name in [name for name in annotations if name.startswith("helm.sh/")]:
        del annotations[name]
    if not annotations:
        kept["metadata"].pop("annotations", None)
    return kept


def files() -> Iterator[tuple[Path, str]]:
    """Give what each file should be."""
    by_component: dict[str, list[Resource]] = {component: [] for component in PLACES}
    for resource in map(plain, render(*_ALL)):
        is_monitor = resource["kind"] == "ServiceMonitor"  # of whatever is scraped
        component = "metrics" if is_monitor else resource["metadata"]["labels"]["app.kubernetes.io/component"]
        by_component[component].append(resource)
    for component, resources in by_component.items():
        ordered = sorted(resources, key=lambda resource: (resource["kind"], resource["metadata"]["name"]))
        text = yaml.safe_dump_all(ordered, sort_keys=False, width=120)
        yield KUSTOMIZE / PLACES[component] / f"{component}.yaml", f"# Made from the chart by `make manifests`.\n{text}"


def _without_labels(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_labels(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_labels(one) for name, one in value.items() if name not in _HELMS_OWN}
    return value


def main() -> None:
    """Write all files."""
    for path, text in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
