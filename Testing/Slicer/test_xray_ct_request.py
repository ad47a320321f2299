"""What is written for the worker when a CT is registered, what is refused, and what comes of its answer."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import arrayOf, matrixOf, rasFromIjk, readVolume
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.XrayCtRequest import LIVE_FOLDER
from DeepRegistrationSlicer.XrayGeometry import KnownNumbers, RadiographSource
from DeepRegistrationSlicer.XrayResultLoader import XrayWanted
from DeepRegistrationSlicer.XrayStartPose import makeMovable
from DeepRegistrationSlicer.XrayViewNodes import shownOf

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.camera_file import read_camera
from DeepRegistrationLib.jobs.job import read_job
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from Testing.Slicer.nodes import bentBy, movedBy, nodeIds
from Testing.Slicer.xray_dicom import dropped, writeDicom
from Testing.Slicer.xray_phantom import (
    MIDDLE,
    ScriptedXrayWorker,
    flatImage,
    loadXrayNodes,
    moveBy,
    sources,
    xrayRequest,
)


@pytest.fixture
def nodes(an_xray_case):
    return loadXrayNodes(an_xray_case)


@pytest.fixture
def worker(tmp_path):
    worker = ScriptedXrayWorker(tmp_path / "jobs.log")
    yield worker
    worker.shutdown()


@pytest.fixture
def register(worker):
    return lambda request: RegistrationLogic(worker).startRegistration(request).outcome.nodes


def cameraIn(result, role="xray") -> np.ndarray:
    return rasFromIjk(result.more[role])


def test_the_images_and_cameras_that_are_chosen_are_written(nodes, tmp_path):
    written = xrayRequest(nodes, 2, isFollowed=True).write(tmp_path)
    job = read_job(written.file)
    assert [path.name for path in job.files.xrays] == ["xray.nrrd", "xray2.nrrd"]
    assert job.files.ct_labels.is_file()
    assert job.files.live_folder == tmp_path / LIVE_FOLDER
    assert job.files.live_folder.is_dir()
    for number, path in enumerate(job.files.geometries, 1):
        expected = read_camera(nodes.folder / f"camera{number}.json")
        np.testing.assert_allclose(read_camera(path).projection_matrix, expected.projection_matrix, atol=1e-6)
    assert written.inNodeNames("'xray2' is dark") == "'View 2' is dark"


def test_the_start_pose_is_where_the_ct_stands_in_the_world(nodes, worker, register):
    inner = moveBy(nodes)
    movedBy(inner, (20, -10, 5), (7, 8, -9), "table")
    before = slicer.util.arrayFromTransformMatrix(inner, toWorld=True)
    # the cameras stay, wherever the CT is put: their isocentre is the middle of the CT as loaded
    register(xrayRequest(nodes, wanted=XrayWanted()))
    job = worker.jobs()[0]
    np.testing.assert_allclose(job["start"], before, atol=1e-6)
    expected = read_camera(nodes.folder / "camera1.json").camera_from_world
    np.testing.assert_allclose(job["cameras"][0]["camera_from_world"], expected, atol=1e-6)


def test_the_isocentre_may_be_a_point_of_the_scene(nodes, worker, register):
    point = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Iso")
    request = xrayRequest(nodes, isocentre=point)
    with pytest.raises(InputError, match="'Iso' are empty"):
        request.check()
    point.AddControlPointWorld(*np.add(MIDDLE, (10, 20, 30)))
    movedBy(point, (0, 0, 0), (1, 2, 3))
    np.testing.assert_allclose(request.isocentreRas(), np.add(MIDDLE, (11, 22, 33)))


def test_a_radiograph_in_dicom_is_registered_from_its_file_and_a_changed_one_from_the_scene(nodes, tmp_path):
    path = writeDicom(tmp_path / "shot.dcm")
    volume = dropped(path)
    folders = [tmp_path / name for name in ("unchanged", "changed")]
    for folder in folders:
        folder.mkdir()
    request = xrayRequest(nodes, radiographs=(RadiographSource(volume),))
    assert read_job(request.write(folders[0]).file).files.xrays == (path,)
    slicer.util.arrayFromVolume(volume)[:] //= 2
    slicer.util.arrayFromVolumeModified(volume)
    files = read_job(request.write(folders[1]).file).files
    assert files.xrays == (folders[1] / "xray.nrrd",)
    assert files.frames == (0,)


def bad(nodes) -> dict:
    """What is wrong -> request, and the text that says so."""
    picture = flatImage()
    numbers = sources(nodes)[0].entered
    return {
        "no CT": (xrayRequest(nodes, 1).__class__(None, sources(nodes)), "No volume is chosen as CT"),
        "no radiograph": (
            xrayRequest(nodes, radiographs=(RadiographSource(None),)),
            "No volume is chosen as radiograph",
        ),
        "the CT itself": (
            xrayRequest(nodes, radiographs=(RadiographSource(nodes.ct, entered=numbers),)),
            "chosen as CT and as radiograph",
        ),
        "twice the same": (xrayRequest(nodes, radiographs=sources(nodes) * 2), "chosen as both radiographs"),
        "no geometry": (xrayRequest(nodes, radiographs=(RadiographSource(picture),)), "is incomplete"),
        "isocentre behind the detector": (
            xrayRequest(
                nodes,
                radiographs=(RadiographSource(picture, entered=KnownNumbers(700.0, 1020.0, 0, 0, 1, 1)),),
            ),
            "exchanged",
        ),
        "no output": (
            xrayRequest(nodes, wanted=XrayWanted(False, False, False, False)),
            "No output is chosen",
        ),
    }


@pytest.mark.parametrize(
    "what",
    [
        "no CT",
        "no radiograph",
        "the CT itself",
        "twice the same",
        "no geometry",
        "isocentre behind the detector",
        "no output",
    ],
)
def test_what_cannot_be_registered_is_refused_in_words(nodes, what):
    request, text = bad(nodes)[what]
    with pytest.raises(InputError, match=text):
        request.check()


def test_a_ct_under_a_transform_that_is_not_rigid_is_refused(nodes):
    transform = moveBy(nodes)
    for scale in (1.01, -1.0):
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.diag([scale, 1, 1, 1])))
        with pytest.raises(InputError, match="scales, shears or mirrors"):
            xrayRequest(nodes).check()
    bentBy(nodes.ct)
    with pytest.raises(InputError, match="not linear"):
        xrayRequest(nodes).check()


def test_the_result_moves_the_ct_and_stands_in_the_world(nodes, register):
    before = moveBy(nodes)
    start = matrixOf(before)
    result = register(xrayRequest(nodes, 2))
    assert nodes.ct.GetParentTransformNode() is result.transform
    expected = start.copy()
    expected[0, 3] += 10
    np.testing.assert_allclose(matrixOf(result.transform), expected, atol=1e-6)
    assert result.transform.GetParentTransformNode() is None
    assert result.more["bones"].GetParentTransformNode() is result.transform
    assert set(result.more) == {
        "xray", "xray2", "drr", "drr2", "stand", "stand2", "bones", "convergence", "series", "chart"
    }  # fmt: skip
    result.undo()
    assert nodes.ct.GetParentTransformNode() is before
    assert result.more["bones"].GetParentTransformNode() is before


def test_bones_without_a_transform_belong_to_the_ct_wherever_it_was_put(nodes, tmp_path):
    folders = [tmp_path / name for name in ("loaded", "moved", "together")]
    for folder in folders:
        folder.mkdir()
    files = [xrayRequest(nodes).writeImages(folders[0])]
    transform = moveBy(nodes, (20, 30, 40), (50, 60, 70))
    files.append(xrayRequest(nodes).writeImages(folders[1]))
    nodes.bones.SetAndObserveTransformNodeID(transform.GetID())
    files.append(xrayRequest(nodes).writeImages(folders[2]))
    written = [arrayOf(readVolume(entry.ct_labels)) for entry in files]
    assert written[0].any()
    np.testing.assert_array_equal(written[1], written[0])
    np.testing.assert_array_equal(written[2], written[0])


def test_bones_that_stand_with_the_ct_go_along(nodes, register):
    transform = makeMovable(nodes.ct, nodes.bones)
    assert nodes.bones.GetParentTransformNode() is transform
    result = register(xrayRequest(nodes))
    assert nodes.bones.GetParentTransformNode() is result.transform
    result.undo()
    assert nodes.bones.GetParentTransformNode() is transform


def test_the_radiograph_on_the_detector_is_a_copy_and_the_users_own_is_not_changed(nodes, register):
    own = nodes.radiographs[0]
    values, matrix = arrayOf(own), rasFromIjk(own)
    result = register(xrayRequest(nodes))
    np.testing.assert_array_equal(arrayOf(own), values)
    np.testing.assert_array_equal(rasFromIjk(own), matrix)
    copy = result.more["xray"]
    np.testing.assert_array_equal(arrayOf(copy), values)
    camera: Camera = read_camera(nodes.folder / "camera1.json")
    corner = cameraIn(result) @ [*(np.array(camera.image_size_px) - 0.5), 0, 1]
    np.testing.assert_allclose(corner[:3], camera.detector_corners_ras()[2], atol=1e-4)
    assert np.linalg.det(cameraIn(result)[:3, :3]) > 0
    slicer.util.arrayFromVolume(own)[:] = 0
    np.testing.assert_array_equal(arrayOf(copy), values)


def test_the_plot_shows_the_similarity_of_all_iterations(nodes, register):
    result = register(xrayRequest(nodes))
    table = result.more["convergence"]
    np.testing.assert_allclose(
        slicer.util.arrayFromTableColumn(table, "similarity"), [0.1, 0.3, 0.5, 0.8, 0.9]
    )
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "stage"), [1, 1, 2, 2, 2])
    chart = result.more["chart"]
    assert chart.GetNthPlotSeriesNode(0).GetTableNode() is table
    assert chart.GetTitle() == "Searching - Refining"


def test_any_part_of_the_results_may_be_asked_for(nodes, register):
    result = register(xrayRequest(nodes, wanted=XrayWanted(False, True, False, False)))
    assert set(result.byRole()) == {"xray", "drr"}
    assert nodes.ct.GetParentTransformNode() is None
    assert shownOf(result).drrs == [result.more["drr"]]


def test_a_result_that_is_not_to_be_trusted_leaves_the_ct_where_it_was(nodes, register):
    before = moveBy(nodes)
    result = register(xrayRequest(nodes, settings=XrayCtSettings(seed=13)))
    assert nodes.ct.GetParentTransformNode() is before
    assert not result.isApplied()
    result.apply()
    assert nodes.ct.GetParentTransformNode() is result.transform


def test_texts_of_the_result_name_nodes_and_not_files(nodes, register):
    content = register(xrayRequest(nodes, 2)).content()
    assert content["warnings"] == ["'View 1' is made up."]
    assert content["confidence_reason"] == "It was told about 'View 1'."
    assert [view["name"] for view in content["views"]] == ["View 1", "View 2"]


def test_a_refusal_of_the_worker_names_the_node(nodes, register):
    with pytest.raises(InputError, match="'View 1' shows no bone"):
        register(xrayRequest(nodes, settings=XrayCtSettings(seed=66)))


def test_a_damaged_result_changes_nothing(nodes, worker, tmp_path):
    moveBy(nodes)
    ids, parent = nodeIds(), nodes.ct.GetTransformNodeID()
    request = xrayRequest(nodes)
    written = request.write(tmp_path)
    done = []
    worker.run(written.file, lambda progress: None, done.append)
    while worker.isBusy:
        worker.poll()
    (written.outputFolder / "drr.nrrd").write_bytes(b"NRRD0004\n")
    with pytest.raises(RegistrationError):
        request.load(written)
    assert nodeIds() == ids
    assert nodes.ct.GetTransformNodeID() == parent


@pytest.mark.parametrize("gone", ["ct", "radiograph"])
def test_a_node_that_is_gone_drops_the_result(nodes, worker, gone):
    request = xrayRequest(nodes)
    job = RegistrationLogic(worker).startRegistration(request, waitForCompletion=False)
    node = nodes.ct if gone == "ct" else nodes.radiographs[0]
    slicer.mrmlScene.RemoveNode(node)
    ids = nodeIds()
    outcome = job.wait()
    assert outcome.nodes is None
    assert f"'{node.GetName()}' is not in the scene any more" in outcome.message
    assert nodeIds() == ids


def test_a_result_is_found_again_in_a_saved_scene(nodes, register, tmp_path):
    register(xrayRequest(nodes, 2))
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    ct = slicer.util.getNode("Body")
    result = findResult(ct)
    assert result.isApplied()
    assert len(result.more) == 10
    np.testing.assert_allclose(arrayOf(result.more["drr2"]), 10.0)


def test_a_second_registration_begins_where_the_first_ended(nodes, worker, register):
    register(xrayRequest(nodes))
    second = register(xrayRequest(nodes))
    assert worker.jobs()[1]["start"][0][3] == pytest.approx(10.0)
    assert matrixOf(second.transform)[0, 3] == pytest.approx(20.0)
    second.undo()
    assert nodes.ct.GetParentTransformNode() is None
