"""Views without windows: Slicer's own displayable managers and slice logic draw off-screen (EGL or Mesa)."""

from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

_SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
)
_THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
)


def prepareViews() -> slicer.vtkMRMLLayoutNode:
    """Makes the scene ready for views; returns the node that arranges them."""
    application = slicer.app.applicationLogic()
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    for factory in _factories():
        factory.SetMRMLApplicationLogic(application)
    slicer.app.layoutLogic = slicer.vtkMRMLLayoutLogic()
    slicer.app.layoutLogic.SetMRMLScene(slicer.mrmlScene)
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


class SliceView:
    """A slice view.

    Args:
        name: of its node.
        size: width and height [pixels].
    """

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._window = _Window(_factories()[0], _SLICE_MANAGERS, size)
        self._window.renderer.GetActiveCamera().ParallelProjectionOn()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        slicer.app.applicationLogic().GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(slicer.mrmlScene)
        node = viewNode("vtkMRMLSliceNode", name)
        if node is not None:
            self.logic.SetSliceNode(node)
        node = node or self.logic.AddSliceNode(name)
        node.SetMappedInLayout(1)
        self._window.group.SetMRMLDisplayableNode(node)
        self.logic.ResizeSliceNode(*size)
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._window.renderer.AddViewProp(self._actor)

    def picture(self) -> np.ndarray:
        """(rows, columns, 3) uint8."""
        # it is another one once there are two layers
        self._mapper.SetInputConnection(self.logic.GetImageDataConnection())
        return self._window.picture()


class ThreeDView:
    """A 3D view with a camera of its own.

    Args:
        name: of its node.
        size: width and height [pixels].
    """

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._window = _Window(_factories()[1], _THREE_D_MANAGERS, size)
        self._logic = slicer.vtkMRMLViewLogic()
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(slicer.mrmlScene)
        node = viewNode("vtkMRMLViewNode", name) or self._logic.AddViewNode(name)
        node.SetMappedInLayout(1)
        self._window.group.SetMRMLDisplayableNode(node)

    def picture(self) -> np.ndarray:
        """(rows, columns, 3) uint8."""
        return self._window.picture()


def viewNode(className: str, name: str) -> slicer.vtkMRMLAbstractViewNode | None:
    """The node of a view, if a layout has made it already."""
    nodes = slicer.util.getNodesByClass(className)
    return next((node for node in nodes if node.GetLayoutName() == name), None)


class _Window:
    """A render window that nobody sees, with the managers that draw nodes into it."""

    def __init__(self, factory, managers: tuple[str, ...], size: tuple[int, int]) -> None:
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self.group = slicer.vtkMRMLDisplayableManagerGroup()
        self.group.SetRenderer(self.renderer)
        for name in managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.group.Initialize(factory, self.renderer)

    def picture(self) -> np.ndarray:
        return grabbed(self.window)


def grabbed(window: vtk.vtkRenderWindow) -> np.ndarray:
    """(rows, columns, 3) uint8 of a window that nobody sees."""
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.SetInputBufferTypeToRGB()
    grab.Update()
    columns, rows, _ = grab.GetOutput().GetDimensions()
    values = vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars())
    # VTK's first row is the lowest
    return values.reshape(rows, columns, -1)[::-1].copy()


def _factories() -> tuple:
    return (
        slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(),
        slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(),
    )


def savePicture(picture: np.ndarray, path: Path) -> None:
    """Writes a picture (rows, columns, 3) uint8 as PNG."""
    rows, columns, _ = picture.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, 1)
    image.GetPointData().SetScalars(
        numpy_to_vtk(np.ascontiguousarray(picture[::-1]).reshape(-1, 3), deep=True)
    )
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()
