import dataclasses
import zipfile

import psutil
import pytest

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import Outputs
from DeepRegistrationLib.results.scene_child import write_scene

pytest.importorskip("slicer_core", reason="needs slicer-core")


def children():
    return [process.pid for process in psutil.Process().children(recursive=True)]


def test_the_scene_holds_the_brain_the_transform_the_warped_image_and_named_labels(a_job):
    run_job(dataclasses.replace(a_job, outputs=Outputs(report=False, scene=True)))
    with zipfile.ZipFile(a_job.output_folder / "scene.mrb") as scene:
        names = scene.namelist()
        mrml = next(scene.read(name).decode("utf-8") for name in names if name.endswith(".mrml"))
    for node in ("<LinearTransform", "<Segmentation", "<Volume"):
        assert node in mrml
    assert mrml.count("<Volume\n") + mrml.count("<Volume ") >= 2
    assert any(name.endswith(".seg.nrrd") for name in names)


def test_a_child_that_fails_is_told_with_its_reason(a_job, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RegistrationError, match=r"The scene file could not be written.*without --scene"):
        write_scene(tmp_path / "empty", a_job.files.moving, lambda: None)


def test_stopping_while_the_scene_is_written_ends_the_child_and_leaves_nothing(a_job, tmp_path):
    seen, before = [], children()

    def stop_during_the_scene(progress):
        seen.append(progress.fraction)
        return progress.fraction < 0.97  # 90 % of the last fifth: the scene is being written

    with pytest.raises(Cancelled):
        run_job(dataclasses.replace(a_job, outputs=Outputs(report=False, scene=True)), stop_during_the_scene)
    assert seen[-1] >= 0.97
    assert set(children()) <= set(before)
    assert list(tmp_path.iterdir()) == []
