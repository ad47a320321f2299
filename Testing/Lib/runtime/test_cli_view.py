import importlib.util
import subprocess
import sys

import pytest


def view(folder, environment) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-m", "DeepRegistrationLib.cli", "view", str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_folder_without_a_scene_is_refused(tmp_path, environment):
    done = view(tmp_path, environment)
    assert done.returncode == 2
    assert "There is no scene.mrb" in done.stderr
    assert "--scene" in done.stderr


@pytest.mark.skipif(
    importlib.util.find_spec("trame_slicer") is not None, reason="the viewer is installed here"
)
def test_where_the_viewer_is_not_installed_it_is_said_how(tmp_path, environment):
    (tmp_path / "scene.mrb").touch()
    done = view(tmp_path, environment)
    assert done.returncode == 2
    assert "slicer-deep-registration[viewer]" in done.stderr
