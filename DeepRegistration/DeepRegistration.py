"""The module DeepRegistration as Slicer sees it: wiring only; what it does is in DeepRegistrationSlicer."""

import unittest

import qt
import slicer
from DeepRegistrationSlicer.Dependencies import missingRequirements
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.Panel import Panel
from DeepRegistrationSlicer.PhantomCheck import checkPhantom
from DeepRegistrationSlicer.SampleDataSets import registerSampleData
from DeepRegistrationSlicer.SliceInAtlasView import registerLayouts
from DeepRegistrationSlicer.UltrasoundViews import registerUltrasoundLayouts
from DeepRegistrationSlicer.XrayViews import registerXrayLayouts
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

from DeepRegistrationLib.jobs.job import JobKind


class DeepRegistration(ScriptedLoadableModule):
    """Title, category and help of the module."""

    def __init__(self, parent: object) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("DeepRegistration")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Registration")]
        parent.dependencies = []
        parent.contributors = ["DeepRegistration contributors"]
        parent.helpText = _(
            "Lays a fetal brain MRI of any orientation, or a single slice of it, into a brain atlas of its "
            "age; moves a CT to where it was when a radiograph was taken; bends a bone atlas until its "
            "shadows are those of two radiographs; and measures how far ultrasound frames are turned. It "
            "says how far each result can be trusted. Choose a tab and an image, press Register."
        )
        parent.acknowledgementText = _(
            "Methods: Mohseni Salehi et al., Real-Time Deep Pose Estimation with Geodesic Loss for Image- "
            "to-Template Rigid Registration, IEEE Transactions on Medical Imaging, 2019; Gao et al., "
            "Generalizing Spatial Transformers to Projective Geometry with Applications to 2D/3D "
            "Registration, MICCAI 2020; Van Houtte et al., Deep Learning-Based 2D/3D Registration of an "
            "Atlas to Biplanar X-ray Images, International Journal of Computer Assisted Radiology and "
            "Surgery, 2022."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)
        slicer.app.connect("startupCompleted()", registerLayouts)
        slicer.app.connect("startupCompleted()", registerXrayLayouts)
        slicer.app.connect("startupCompleted()", registerUltrasoundLayouts)


class DeepRegistrationWidget(ScriptedLoadableModuleWidget):
    """Loads the forms and hands them to the panel."""

    def setup(self) -> None:
        """Called once, when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        frame = self.loadForm("DeepRegistration")
        self.ui = slicer.util.childWidgetVariables(frame)
        self.layout.addWidget(frame)
        frame.setMRMLScene(slicer.mrmlScene)
        self.logic = DeepRegistrationLogic()
        self.panel = Panel(self.ui, self.loadForm, self.logic, isShown=lambda: self.parent.isEntered)

    def loadForm(self, name: str) -> qt.QWidget:
        """The widget of a form."""
        return slicer.util.loadUI(self.resourcePath(f"UI/{name}.ui"))

    def enter(self) -> None:
        """Called each time the user opens the module."""
        self.panel.enter()

    def exit(self) -> None:
        """Called each time the user opens another module."""
        self.panel.exit()

    def cleanup(self) -> None:
        """Called when Slicer closes or the module is reloaded."""
        self.panel.cleanup()


class DeepRegistrationLogic(RegistrationLogic, ScriptedLoadableModuleLogic):
    """The logic, with the parameter node that Slicer keeps for the module."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        RegistrationLogic.__init__(self)


class DeepRegistrationTest(ScriptedLoadableModuleTest):
    """Self-tests inside Slicer; those that register something need the packages of the worker."""

    def setUp(self) -> None:
        """Starts from an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Called by the button Reload and Test."""
        for name in unittest.defaultTestLoader.getTestCaseNames(type(self)):
            self.setUp()
            try:
                getattr(self, name)()
            except unittest.SkipTest as skipped:
                self.delayDisplay(f"{name}: {skipped}")

    def test_the_panel_opens_with_register_disabled_in_an_empty_scene(self) -> None:
        """The panel opens without torch, and says what is missing."""
        self.delayDisplay("Opening the panel")
        ui = slicer.util.getModuleWidget("DeepRegistration").ui
        assert not ui.registerButton.enabled
        assert "No volume is chosen" in ui.registerButton.toolTip

    def test_a_brain_is_laid_into_the_atlas(self) -> None:
        """The synthetic brain, turned by 140 degrees."""
        self._checkJob(JobKind.FETAL_VOLUME, angleDeg=1.0, distanceMm=1.0)

    def test_a_slice_is_found_in_the_atlas(self) -> None:
        """One slice of that brain."""
        self._checkJob(JobKind.FETAL_SLICE, angleDeg=4.0, distanceMm=3.0)

    def test_a_ct_is_moved_to_where_its_radiographs_were_taken(self) -> None:
        """A synthetic body and two views of it."""
        self._checkJob(JobKind.XRAY_CT, angleDeg=0.5, distanceMm=0.5)

    def test_an_atlas_is_bent_to_two_radiographs(self) -> None:
        """A synthetic body that was turned and stretched, and two views of it."""
        self._checkJob(JobKind.BIPLANAR, angleDeg=3.0, distanceMm=2.0, dice=0.9)

    def test_ultrasound_frames_are_turned_onto_each_other(self) -> None:
        """Three synthetic frames."""
        self._checkJob(JobKind.US_ANGLES, angleDeg=0.1, distanceMm=0.1)

    def _checkJob(self, job: JobKind, angleDeg: float, distanceMm: float, dice: float | None = None) -> None:
        missing = missingRequirements()
        if missing:
            names = ", ".join(map(str, missing))
            self.skipTest(f"Packages are missing: {names}. Press Register in the panel to install them.")
        self.delayDisplay(f"Registering the synthetic case of {job}")
        error = checkPhantom(job, DeepRegistrationLogic())
        overlap = "" if error.dice is None else f", Dice {error.dice:.3f}"
        self.delayDisplay(
            f"{job}: {error.angleDeg:.3f} degrees, {error.distanceMm:.3f} mm from the truth{overlap}"
        )
        assert error.angleDeg < angleDeg, error
        assert error.distanceMm < distanceMm, error
        assert dice is None or error.dice > dice, error
