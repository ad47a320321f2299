"""The tab for a bone atlas and two radiographs."""

import dataclasses

import ctk
import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.biplanar import BiplanarSettings
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationSlicer.AtlasSource import AtlasInScene
from DeepRegistrationSlicer.BiplanarRequest import BiplanarRequest
from DeepRegistrationSlicer.BiplanarResultLoader import BENT_LABELS, BONE, GRID, BiplanarWanted
from DeepRegistrationSlicer.BiplanarSample import SAMPLE_IN_WORDS, loadBiplanarSample
from DeepRegistrationSlicer.BiplanarSection import sectionOf
from DeepRegistrationSlicer.BoneAtlasFiles import checkBoneAtlas, ensureNode, imagesOf, nodeOf
from DeepRegistrationSlicer.Choices import BiplanarMethodChoice, BoneAtlasChoice
from DeepRegistrationSlicer.PanelForms import PanelForm, setRowVisible
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.PanelRadiograph import sourceOf
from DeepRegistrationSlicer.PanelRadiographsPage import PanelRadiographsPage, volumesInScene
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.ResultNodes import GOES_ALONG, ResultNodes, findResult
from DeepRegistrationSlicer.XrayCtRequest import XrayCtRequest
from DeepRegistrationSlicer.XrayParameters import boneAtlasOf
from DeepRegistrationSlicer.XrayPoseWatch import XrayPoseWatch
from DeepRegistrationSlicer.XrayViewNodes import shownOf
from DeepRegistrationSlicer.XrayViews import showXray


class PanelBiplanar(PanelRadiographsPage):
    """One tab; see `PanelPage`.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form = "Biplanar"
    pack = "biplanar"

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        super().__init__(form, services, _("Second radiograph"), isSecondCollapsed=False)
        self.purpose = _("Bend the atlas until its radiographs are those that were taken.")
        self.viewPurpose = _(
            "Show each radiograph under that of the atlas, a slice through the bent atlas, and in 3D the "
            "bone, source and detector."
        )
        form.ui.moveButton.text = _("Move the atlas by hand")
        form.ui.atlasFolderSelector.filters = ctk.ctkPathLineEdit.Dirs
        form.ui.sampleButton.clicked.connect(self.onSampleButton)
        form.ui.sampleButton.toolTip = f"{form.ui.sampleButton.toolTip} {SAMPLE_IN_WORDS}"

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen: two images as radiographs."""
        chosen = parameters.biplanar
        images, _volumes = volumesInScene()
        for radiograph, other in ((chosen.first, chosen.second), (chosen.second, chosen.first)):
            free = [image for image in images if image is not other.volume]
            if radiograph.volume is None and free:
                radiograph.volume = free[0]

    def request(self, parameters: RegistrationParameters) -> BiplanarRequest:
        """The registration that the choices describe."""
        chosen = parameters.biplanar
        settings = dataclasses.replace(
            BiplanarSettings(),
            method=chosen.method.value,
            polarity=chosen.polarity.value,
            search_rotation_deg=chosen.searchRotation,
            search_translation_mm=chosen.searchTranslation,
            view_rotation_deg=chosen.viewRotation,
            view_translation_mm=chosen.viewTranslation,
            shape_freedom=chosen.shapeFreedom,
            device=parameters.device.value,
            seed=parameters.seed,
        )
        return BiplanarRequest(
            radiographs=(sourceOf(chosen.first), sourceOf(chosen.second)),
            masks=(chosen.firstMask, chosen.secondMask),
            atlas=boneAtlasOf(chosen.atlas),
            isocentre=chosen.isocentre,
            settings=settings,
            wanted=BiplanarWanted(
                chosen.wantsDeformation,
                chosen.wantsAffine,
                chosen.wantsWarped,
                chosen.wantsSegmentation,
                chosen.wantsDrr,
                chosen.wantsBone,
            ),
        )

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The node whose latest result is shown: the radiograph that fixes the world."""
        return parameters.biplanar.first.volume

    def moved(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The atlas in the scene; None if it is not there, or cannot be used."""
        atlas = boneAtlasOf(parameters.biplanar.atlas)
        try:
            checkBoneAtlas(atlas)
        except RegistrationError:
            # the reason not to register says it
            return None
        return nodeOf(atlas)

    def bringMoved(
        self, parameters: RegistrationParameters
    ) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLNode | None]:
        """The atlas, brought into the scene if needed, not bent, and its labels, which go along.

        Raises:
            RegistrationError: it cannot be brought.
        """
        self._unbend(parameters)
        atlas = boneAtlasOf(parameters.biplanar.atlas)
        return ensureNode(atlas), atlas.labels if isinstance(atlas, AtlasInScene) else None

    def preview(self, request: BiplanarRequest) -> XrayCtRequest:
        """What the overlay shows while the atlas is moved."""
        self._unbend(self._services.parameters())
        return request.preview()

    def watch(self, request: BiplanarRequest) -> XrayPoseWatch:
        """Shows a registration while it runs: a model of the bone moves, the atlas comes when it is done."""
        stage = self.stage(imagesOf(request.atlas), request)
        return XrayPoseWatch(stage.bones, stage, request.start())

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        super().update(parameters, isDownloading)
        chosen = parameters.biplanar
        setRowVisible(self._ui, "atlasFolder", chosen.atlas.source == BoneAtlasChoice.FOLDER)
        for name in ("atlasVolume", "atlasLabels"):
            setRowVisible(self._ui, name, chosen.atlas.source == BoneAtlasChoice.SCENE)
        self._ui.shapeFreedomSpinBox.enabled = chosen.method != BiplanarMethodChoice.NETWORK
        self._ui.sampleButton.enabled = self._watch is None
        isThere = chosen.atlas.source != BoneAtlasChoice.SCENE or chosen.atlas.volume is not None
        self._ui.moveButton.enabled = isThere and self._watch is None

    def show(self, result: ResultNodes) -> None:
        """Shows the atlas as it stands now: over the radiographs, and as a slice."""
        isBefore = result.transform is not None and not result.isApplied()
        labels = result.more.get(BENT_LABELS)
        if labels is not None:
            labels.SetDisplayVisibility(not isBefore)
        if GRID in result.more:
            result.more[GRID].SetDisplayVisibility(not isBefore)
        section = sectionOf(result, isBefore)
        shown = shownOf(result)
        if shown.radiographs:
            focus = result.more.get(GOES_ALONG) or result.more.get(BONE)
            showXray(dataclasses.replace(shown, section=section, focus=focus), self._opacity())
        else:
            slicer.util.setSliceViewerLayers(background=section.volume, fit=True)

    def onSampleButton(self) -> None:
        """Loads the sample and registers it."""
        parameters = self._services.parameters()
        if self._services.attempt(lambda: loadBiplanarSample(parameters.biplanar)):
            self._services.register()

    def onEnding(self, exitCode: ExitCode) -> None:
        """What was seen meanwhile goes."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end(isKept=False)

    def _unbend(self, parameters: RegistrationParameters) -> None:
        """An atlas that is bent goes back to where it was before: only there it can be moved."""
        result = findResult(self.subject(parameters))
        if result is not None and result.isApplied():
            result.undo()
