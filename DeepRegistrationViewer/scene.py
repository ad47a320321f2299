"""The scene of a result, opened with trame-slicer, and what can be switched in it."""

from pathlib import Path

import numpy as np
import slicer
from DeepRegistrationSlicer.ResultNodes import ResultNodes, latestResult
from DeepRegistrationSlicer.StandardViews import showInStandardViews
from DeepRegistrationSlicer.ViewAiming import aimCamera
from trame_slicer.core import SlicerApp

from DeepRegistrationLib.errors import InputError

SCENE = "scene.mrb"
_FROM_RIGHT_FRONT_ABOVE = np.array([0.5, 0.8, 0.6])
_UP = np.array([0.0, 0.0, 1.0])
# of the camera, in diagonals of what is to be seen
_DISTANCE = 2.3
# node classes of results that trame-slicer's own application does not know
_MODULE_LOGICS = (
    "vtkSlicerTablesLogic",
    "vtkSlicerModelsLogic",
    "vtkSlicerTextsLogic",
    "vtkSlicerSequencesLogic",
)


def slicer_application() -> SlicerApp:
    """Slicer's scene and logics; from then on `slicer.mrmlScene` is this scene, as in Slicer itself."""
    application = SlicerApp()
    for name in _MODULE_LOGICS:
        application.register_module_logic(getattr(slicer, name)())
    slicer.mrmlScene = application.scene
    return application


class ResultScene:
    """One result in a scene.

    Args:
        application: its scene is empty; its views exist already, so that the scene sets them up.
        folder: result folder with a scene.mrb.

    Raises:
        InputError: the scene cannot be read, or has no result of this program.
    """

    def __init__(self, application: SlicerApp, folder: Path) -> None:
        path = folder / SCENE
        if not application.io_manager.load_scene(path):
            raise InputError(f"The scene '{path}' cannot be read. Run the job again with --scene.")
        result = latestResult()
        if result is None:
            raise InputError(f"The scene '{path}' holds no result. Name the folder that a job has written.")
        # its logics hold what the scene is drawn with, such as colour tables
        self._application = application
        self._result: ResultNodes = result
        self.content = result.content()
        if self._labels is not None:
            self._labels.CreateClosedSurfaceRepresentation()

    def show(self) -> tuple[str, ...]:
        """Aims the slice views at what the result is about.

        Returns:
            Names of those that are worth showing.
        """
        return showInStandardViews(self._result)

    def look(self, view: str) -> None:
        """Lets a 3D view see all that has a body: labels, machines, frames; without any, the image."""
        models = slicer.util.getNodesByClass("vtkMRMLModelNode")
        nodes = [node for node in models if node.GetDisplayVisibility() and _has_body(node)]
        nodes += [self._labels] if self.has_labels else []
        image = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", self.subject_name)
        aimCamera(view, nodes or [image], _FROM_RIGHT_FRONT_ABOVE, _UP, _DISTANCE)

    @property
    def subject_name(self) -> str:
        """Of the registered image."""
        return self._result.subject.GetName()

    @property
    def is_after(self) -> bool:
        """Whether the registered image stands where the registration found it."""
        return self._result.isApplied()

    @property
    def is_movable(self) -> bool:
        """Whether there is a before and an after."""
        return self._result.transform is not None

    @property
    def has_labels(self) -> bool:
        """Whether labels of the atlas lie on the image."""
        return self._labels is not None

    def put(self, is_after: bool) -> None:
        """Puts the registered image where the registration found it, or back to where it was before."""
        if is_after:
            self._result.apply()
        else:
            self._result.undo()

    def show_labels(self, are_shown: bool) -> None:
        """Shows the labels of the atlas, or hides them."""
        self._labels.SetDisplayVisibility(are_shown)

    @property
    def _labels(self) -> slicer.vtkMRMLSegmentationNode | None:
        return self._result.segmentation


def _has_body(model: slicer.vtkMRMLModelNode) -> bool:
    return model.GetPolyData() is not None and model.GetPolyData().GetNumberOfPoints() > 0
