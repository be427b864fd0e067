"""One version, wherever it stands: the package's, which CHANGELOG.md tells of."""

import json
import re
import tomllib
from datetime import date

import pytest
import yaml
from support.database import ROOT

from wallet_grpc.build import this_build

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CHART = yaml.safe_load((ROOT / "deploy" / "helm" / "wallet" / "Chart.yaml").read_text())
NODE = ROOT / "clients" / "typescript"
OVERLAY = ROOT / "deploy" / "kustomize" / "overlays" / "example" / "kustomization.yaml"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(CHART["version"], id="chart"),
        pytest.param(CHART["appVersion"], id="appVersion"),
        pytest.param(
            tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())["project"]["version"],
            id="the client for Python",
        ),
        pytest.param(json.loads((NODE / "package.json").read_text())["version"], id="the SDK for Node"),
        pytest.param(json.loads((NODE / "package-lock.json").read_text())["version"], id="its lock"),
        pytest.param(yaml.safe_load(OVERLAY.read_text())["images"][0]["newTag"], id="overlay"),
        pytest.param(this_build().version, id="wallet --version"),
    ],
)
def test_all_tell_the_same_version(told: str) -> None:
    assert told == VERSION


@pytest.mark.parametrize("file", ["deploy/command.yaml", "docker-compose.yml"])
def test_the_image_is_named_by_it(file: str) -> None:
    assert set(re.findall(r"image: wallet:(\S+)", (ROOT / file).read_text())) == {VERSION}


def test_the_changelog_has_it_with_its_day_below_what_is_not_released() -> None:
    first, *released = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert first == "[Unreleased]"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\S+)", heading) for heading in released]
    assert all(versions), released
    assert versions[0] is not None
    assert versions[0][1] == VERSION
    days = [date.fromisoformat(one[2]) for one in versions if one]
    assert days == sorted(days, reverse=True)
