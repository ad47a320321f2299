"""One scene for all tests here; it is emptied after each of them."""

import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

import slicer  # noqa: E402

# torch stays out of this process: a test checks it
_WRITE_PHANTOM = """
import sys
import time
from pathlib import Path
import numpy as np
from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.geometry.frames import RAS_FROM_LPS
from DeepRegistrationLib.images.write import write_nifti

folder = Path(sys.argv[1])
write_phantom_atlas(folder / "atlas", weeks=(28, 32), spacing_mm=2.4)
pose = np.array(eval(sys.argv[2]))
image, mask, labels = fetal_brain_phantom(28, spacing_mm=2.4, ras_from_phantom=pose)
write_nifti(image, folder / "subject.nii.gz")
write_nifti(mask.with_values(mask.values.byte()), folder / "mask.nii.gz")
"""


@pytest.fixture(autouse=True)
def an_empty_scene():
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(False)
    # views outlive a scene
    for name in ("vtkMRMLAbstractViewNode", "vtkMRMLSliceCompositeNode", "vtkMRMLLayoutNode"):
        for node in slicer.util.getNodesByClass(name):
            slicer.mrmlScene.RemoveNode(node)


@pytest.fixture
def a_scene_that_can_undo():
    """As with undoing switched on in Slicer's settings: nodes of these classes take part."""
    scene, defaults = slicer.mrmlScene, []
    for name in (
        "vtkMRMLScalarVolumeNode",
        "vtkMRMLLinearTransformNode",
        "vtkMRMLGridTransformNode",
        "vtkMRMLSegmentationNode",
        "vtkMRMLTableNode",
        "vtkMRMLTextNode",
        "vtkMRMLModelNode",
        "vtkMRMLSequenceNode",
        "vtkMRMLSequenceBrowserNode",
        "vtkMRMLPlotChartNode",
        "vtkMRMLPlotSeriesNode",
    ):
        default = scene.GetDefaultNodeByClass(name)
        if default is None:
            default = scene.CreateNodeByClass(name)
            default.UnRegister(None)
            scene.AddDefaultNode(default)
        default.SetUndoEnabled(True)
        defaults.append(default)
    scene.SetUndoOn()
    yield scene
    scene.SetUndoOff()
    scene.ClearUndoStack()
    scene.ClearRedoStack()
    for default in defaults:
        default.SetUndoEnabled(False)


@pytest.fixture(autouse=True)
def no_error_in_a_callback(monkeypatch):
    """VTK and Qt print what their callbacks raise and go on; a test must not."""
    errors = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: errors.append(error))
    yield
    if errors:
        raise errors[0]


@pytest.fixture(scope="session")
def a_phantom(tmp_path_factory):
    """Folder with an atlas of phantoms and one of them turned and shifted, written by another process."""
    from Testing.Slicer.phantom import RAS_FROM_PHANTOM

    folder = tmp_path_factory.mktemp("phantom")
    command = [sys.executable, "-c", _WRITE_PHANTOM, str(folder), str(RAS_FROM_PHANTOM.tolist())]
    subprocess.run(command, check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def an_xray_case(tmp_path_factory):
    """Folder with a body, its bones, two radiographs and their cameras, written by another process."""
    from Testing.Slicer.xray_phantom import WRITE

    folder = tmp_path_factory.mktemp("xray")
    subprocess.run([sys.executable, "-c", WRITE, str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def us_frames(tmp_path_factory):
    """Ultrasound frames of known angles, written by another process."""
    from Testing.Slicer.us_phantom import WRITE, Frames

    file = tmp_path_factory.mktemp("ultrasound") / "frames.npz"
    subprocess.run([sys.executable, "-c", WRITE, str(file)], check=True, cwd=ROOT)
    return Frames(file)


@pytest.fixture(scope="session")
def a_result_folder(a_phantom, tmp_path_factory):
    """What the worker leaves when it has registered the phantom."""
    from Testing.Slicer.phantom import phantomRequest

    return _done(phantomRequest(a_phantom), tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="session")
def a_biplanar_result(phantoms, tmp_path_factory):
    """What the worker leaves when it has bent the synthetic body to its radiographs."""
    from DeepRegistrationSlicer.PhantomCheck import PHANTOM_JOBS

    from DeepRegistrationLib.jobs.job import JobKind

    makeRequest, _ = PHANTOM_JOBS[JobKind.BIPLANAR]
    return _done(makeRequest(phantoms(JobKind.BIPLANAR)), tmp_path_factory.mktemp("biplanar-job"))


def _done(request, folder: Path) -> Path:
    """The result folder of a request."""
    from DeepRegistrationSlicer.WorkerClient import sharedWorkerClient

    client, ends = sharedWorkerClient(), []
    client.run(request.write(folder).file, lambda progress: None, ends.append)
    while client.isBusy:
        client.poll()
        time.sleep(0.02)
    return ends[0].outputFolder


@pytest.fixture(scope="session", autouse=True)
def the_worker():
    """It starts with the first job, serves all tests, and ends with the last."""
    from DeepRegistrationSlicer.WorkerClient import sharedWorkerClient

    yield
    sharedWorkerClient().shutdown()


@pytest.fixture(scope="session")
def the_module():
    """The module, loaded from its file as Slicer does."""
    from Testing.Slicer.host.scripted_module import LoadedModule

    return LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py")


@pytest.fixture
def open_panel(the_module, monkeypatch):
    """Opens the panel on one of its tabs."""
    from DeepRegistrationSlicer.Choices import JobChoice

    from Testing.Slicer.panel_user import OpenPanel

    opened = []

    def open_panel(job=JobChoice.FETAL_VOLUME):
        opened.append(OpenPanel(the_module, job))
        return opened[-1]

    yield open_panel
    for user in opened:
        # the worker stays for the next test; its start takes seconds
        monkeypatch.setattr(user.logic, "shutdown", lambda: None)
        user.widget.cleanup()
        user.parent.delete()


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory):
    """The folder of the synthetic case of a job, written once by another process."""
    from DeepRegistrationSlicer.PhantomCheck import writePhantom

    written = {}

    def phantom(kind):
        if kind not in written:
            written[kind] = tmp_path_factory.mktemp(str(kind))
            writePhantom(kind, written[kind])
        return written[kind]

    return phantom


@pytest.fixture
def a_person(monkeypatch):
    """Answers what Slicer asks; `answer` is what they say, `questions` what they were asked."""
    person = types.SimpleNamespace(answer=True, questions=[])
    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: False)
    monkeypatch.setattr(
        slicer.util,
        "confirmOkCancelDisplay",
        lambda text, title: person.questions.append(text) or person.answer,
    )
    return person


@pytest.fixture
def open_ready_tab(open_panel, phantoms):
    """Opens a tab that is filled with the synthetic case of its job."""
    from Testing.Slicer.ready_tabs import READY_TABS

    def open_ready_tab(job):
        user = open_panel(job)
        READY_TABS[job].fill(user, phantoms(job.value))
        return user

    return open_ready_tab


@pytest.fixture
def open_xray_tab(open_panel, tmp_path):
    """Opens the tab of radiographs, with a worker that has an answer after so many seconds."""
    from DeepRegistrationSlicer.Choices import JobChoice

    from Testing.Slicer.xray_phantom import ScriptedXrayWorker
    from Testing.Slicer.xray_tab import XrayTab

    workers = []

    def open_xray_tab(seconds=0.2):
        workers.append(ScriptedXrayWorker(tmp_path / "xray-jobs.log", seconds))
        tab = XrayTab(open_panel(JobChoice.XRAY_CT))
        tab.logic._worker = workers[-1]
        return tab

    yield open_xray_tab
    for worker in workers:
        worker.shutdown()
