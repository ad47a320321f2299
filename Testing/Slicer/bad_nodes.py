"""Nodes and choices that cannot be used, and the sentence that each has to give; a new tab adds its own to
`OF_A_TAB`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer
from DeepRegistrationSlicer.Choices import (
    AtlasChoice,
    BiplanarMethodChoice,
    BoneAtlasChoice,
    FramesChoice,
    JobChoice,
    PixelSizeChoice,
)
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createLinearTransform, createVolume, rasFromIjk

from Testing.Slicer.nodes import bentBy, movedBy
from Testing.Slicer.panel_user import OpenPanel
from Testing.Slicer.ready_tabs import LABELS, READY_TABS, ReadyTab


@dataclass(frozen=True)
class BadChoice:
    """One mistake in a tab that is filled.

    Attributes:
        name: what is wrong, in words.
        make: makes it.
        text: pattern of the sentence that has to come.
    """

    name: str
    make: Callable[[OpenPanel, ReadyTab], None]
    text: str


def _instead(make: Callable[[slicer.vtkMRMLVolumeNode], slicer.vtkMRMLVolumeNode | None]):
    """Something made of the subject is chosen instead of it."""

    def choose(user: OpenPanel, tab: ReadyTab) -> None:
        tab.choose(user, make(tab.subjectOf(user)))

    return choose


def _withValues(change: Callable[[np.ndarray], np.ndarray]):
    return _instead(lambda node: createVolume(change(arrayOf(node).copy()), rasFromIjk(node), "Spoiled"))


def _withDirections(change: Callable[[np.ndarray], np.ndarray]):
    """The matrix of the volume's directions and spacings is changed."""

    def make(node):
        matrix = rasFromIjk(node)
        matrix[:3, :3] = change(matrix[:3, :3])
        spoiled = createVolume(arrayOf(node), np.eye(4), "Spoiled")
        # as a file with such a header is loaded
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        directions = matrix[:3, :3] / np.where(spacing > 0, spacing, 1)
        spoiled.SetIJKToRASDirections(directions.tolist())
        spoiled.SetSpacing(*spacing)
        return spoiled

    return _instead(make)


def _sheared(directions):
    directions[:, 1] += 0.5 * directions[:, 0]
    return directions


def _parallel(directions):
    directions[:, 1] = directions[:, 0]
    return directions


def _withOnePixel(value: float):
    def change(values):
        values = values.astype(np.float32)
        values.flat[values.size // 2] = value
        return values

    return change


def _vectors(node):
    vectors = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Spoiled")
    slicer.util.updateVolumeFromArray(vectors, np.stack([arrayOf(node)] * 3, -1))
    vectors.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(rasFromIjk(node)))
    return vectors


def _withoutVoxels(node):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Spoiled")


def _aLine(node):
    return createVolume(arrayOf(node)[:1, :1], rasFromIjk(node), "Spoiled")


_OF_A_VOLUME = [
    BadChoice("nothing", _instead(lambda node: None), "No volume is chosen as {role}"),
    BadChoice("a volume without voxels", _instead(_withoutVoxels), r"'Spoiled' \({role}\) has no voxels"),
    BadChoice("vectors", _instead(_vectors), r"'Spoiled' \({role}\) has 3 values in each voxel"),
    BadChoice("a line of voxels", _instead(_aLine), "'Spoiled'.*(single slice|line of voxels)"),
    BadChoice(
        "a voxel that is no number", _withValues(_withOnePixel(np.nan)), "'Spoiled' has 1 .*not numbers"
    ),
    BadChoice("an infinite voxel", _withValues(_withOnePixel(np.inf)), "'Spoiled' has 1 .*not numbers"),
    BadChoice("one value", _withValues(lambda values: values * 0 + 3), "'Spoiled' is constant"),
    BadChoice("sheared axes", _withDirections(_sheared), "'Spoiled'.*sheared"),
    BadChoice("parallel axes", _withDirections(_parallel), "'Spoiled'.*(sheared|singular|parallel)"),
    BadChoice("voxels of no size", _withDirections(lambda m: m * (1.0, 0.0, 1.0)), "'Spoiled'.*singular"),
]


def _anEmptyMask(user: OpenPanel, tab: ReadyTab) -> None:
    node = tab.subjectOf(user)
    mask = createVolume(np.zeros(arrayOf(node).shape, np.int16), rasFromIjk(node), "Nothing", LABELS)
    tab.chooseMask(user, mask)


def _aMaskElsewhere(user: OpenPanel, tab: ReadyTab) -> None:
    movedBy(tab.maskOf(user), translation_mm=(900, 0, 0))


def _anEmptySegmentation(user: OpenPanel, tab: ReadyTab) -> None:
    tab.chooseMask(user, slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Nothing"))


_OF_A_MASK = [
    BadChoice("an empty mask", _anEmptyMask, "'Nothing' marks no voxel of the volume"),
    BadChoice("a mask elsewhere", _aMaskElsewhere, "marks no voxel of the volume"),
    BadChoice("a segmentation without segments", _anEmptySegmentation, "'Nothing' has no segments"),
]


def _atlas(**changes):
    """Other choices of the atlas."""

    def make(user: OpenPanel, tab: ReadyTab) -> None:
        for name, value in changes.items():
            setattr(tab.choices(user).atlas, name, value)

    return make


def _anAtlasFolderOfPhotos(user: OpenPanel, tab: ReadyTab) -> None:
    tab.choices(user).atlas.folder = slicer.app.temporaryPath


def _itselfAsAtlas(user: OpenPanel, tab: ReadyTab) -> None:
    chosen = tab.choices(user)
    chosen.atlas.source, chosen.atlas.volume = AtlasChoice.SCENE, getattr(chosen, tab.subject)


def _aFlatAtlas(user: OpenPanel, tab: ReadyTab) -> None:
    atlas = tab.choices(user).atlas
    atlas.source = AtlasChoice.SCENE
    atlas.volume = createVolume(np.full((9, 9, 9), 5, np.float32), np.eye(4), "Flat")


def _without(*outputs: str):
    """None of these outputs is wanted."""

    def make(user: OpenPanel, tab: ReadyTab) -> None:
        for name in outputs:
            setattr(tab.choices(user), name, False)

    return make


_OF_AN_ATLAS = [
    BadChoice("an age that no fetus has", _atlas(gestationalAge=7.0), "7 weeks is not between 18 and 45"),
    BadChoice("an atlas folder that is not there", _atlas(folder="/no/where"), "'/no/where' does not exist"),
    BadChoice("an atlas folder without an atlas", _anAtlasFolderOfPhotos, "holds no atlas image"),
    BadChoice("no atlas in the scene", _atlas(source=AtlasChoice.SCENE), "No volume is chosen as atlas"),
    BadChoice("itself as atlas", _itselfAsAtlas, "as atlas. Choose another|atlas. is a single slice"),
    BadChoice("an atlas of one value", _aFlatAtlas, "'Flat' is constant"),
]


def _view(**changes):
    """Other choices of the first radiograph."""

    def make(user: OpenPanel, tab: ReadyTab) -> None:
        for name, value in changes.items():
            setattr(tab.choices(user).first, name, value)

    return make


def _aCameraFile(change: Callable[[dict], dict]):
    def make(user: OpenPanel, tab: ReadyTab) -> None:
        first = tab.choices(user).first
        content = change(json.loads(Path(first.file).read_text(encoding="utf-8")))
        path = Path(slicer.app.temporaryPath) / "camera.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        first.file = str(path)

    return make


def _radiograph(make: Callable[[object], slicer.vtkMRMLVolumeNode | None]):
    """Something made from the choices of the tab is chosen as first radiograph."""

    def choose(user: OpenPanel, tab: ReadyTab) -> None:
        tab.choices(user).first.volume = make(tab.choices(user))

    return choose


def _spoiledRadiograph(change: Callable[[np.ndarray], np.ndarray]):
    def make(chosen):
        node = chosen.first.volume
        return createVolume(change(arrayOf(node).copy()), rasFromIjk(node), "Spoiled")

    return _radiograph(make)


def _underAScale(user: OpenPanel, tab: ReadyTab) -> None:
    scale = createLinearTransform(np.diag([1.2, 1.0, 1.0, 1.0]), "scale")
    tab.subjectOf(user).SetAndObserveTransformNodeID(scale.GetID())
    user.panel.enter()


def _underAGrid(user: OpenPanel, tab: ReadyTab) -> None:
    bentBy(tab.subjectOf(user))
    user.panel.enter()


def _anEmptyIsocentre(user: OpenPanel, tab: ReadyTab) -> None:
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Points")
    tab.choices(user).isocentre = points


def _lacking(key: str):
    return lambda content: {name: value for name, value in content.items() if name != key}


def _itselfAsRadiograph(user: OpenPanel, tab: ReadyTab) -> None:
    tab.choices(user).first.volume = tab.subjectOf(user)


_OF_RADIOGRAPHS = [
    BadChoice("no radiograph", _radiograph(lambda chosen: None), "No volume is chosen as radiograph"),
    BadChoice("itself as radiograph", _itselfAsRadiograph, "as {role} and as radiograph"),
    BadChoice(
        "one radiograph twice",
        _radiograph(lambda chosen: chosen.second.volume),
        "is chosen as both radiographs",
    ),
    BadChoice("a black radiograph", _spoiledRadiograph(lambda pixels: pixels * 0), "'Spoiled' is constant"),
    BadChoice("a small radiograph", _spoiledRadiograph(lambda p: p[:, :-5]), r"'Spoiled' has \d+ x \d+ pix"),
    BadChoice("no camera file", _view(file=""), "No camera file is chosen"),
    BadChoice("a camera file that is not there", _view(file="/no/camera.json"), "does not exist"),
    BadChoice("a camera file with a gap", _aCameraFile(_lacking("pixel_spacing_mm")), "lacks pixel_spacing"),
    BadChoice("a frame that there is not", _view(frame=3), "has no frame 3"),
    BadChoice("a volume under a scaling transform", _underAScale, "scales, shears or mirrors"),
    BadChoice("a volume under a grid transform", _underAGrid, "is not linear"),
    BadChoice("an isocentre without a point", _anEmptyIsocentre, "The points 'Points' are empty"),
]


def _biplanar(**changes):
    """Other choices of the tab of two radiographs."""

    def make(user: OpenPanel, tab: ReadyTab) -> None:
        for name, value in changes.items():
            setattr(user.parameters.biplanar, name, value)

    return make


def _noSecondView(user: OpenPanel, tab: ReadyTab) -> None:
    user.parameters.biplanar.second.volume = None


def _aShadowElsewhere(user: OpenPanel, tab: ReadyTab) -> None:
    movedBy(user.parameters.biplanar.firstMask, translation_mm=(900, 0, 0))


def _anEmptyAtlasFolder(user: OpenPanel, tab: ReadyTab) -> None:
    atlas = user.parameters.biplanar.atlas
    atlas.source, atlas.folder = BoneAtlasChoice.FOLDER, slicer.app.temporaryPath


def _noLabels(user: OpenPanel, tab: ReadyTab) -> None:
    tab.chooseMask(user, None)


def _farAway(user: OpenPanel, tab: ReadyTab) -> None:
    movedBy(tab.subjectOf(user), translation_mm=(900, 0, 0))
    user.parameters.biplanar.atlas.labels.SetAndObserveTransformNodeID(
        tab.subjectOf(user).GetTransformNodeID()
    )


_BIPLANAR = [
    BadChoice("no second radiograph", _noSecondView, "No second radiograph is chosen"),
    BadChoice("a shadow elsewhere", _aShadowElsewhere, "'Mask 1' marks no voxel of the volume 'View 1'"),
    BadChoice(
        "an atlas folder that is not there",
        _atlas(source=BoneAtlasChoice.FOLDER, folder="/no/where"),
        "'/no/where' does not exist",
    ),
    BadChoice("an atlas folder without an atlas", _anEmptyAtlasFolder, "has no atlas_ct.nii.gz"),
    BadChoice("an atlas without labels", _noLabels, "No labels are chosen for the atlas 'Atlas'"),
    BadChoice("an atlas beside the detector", _farAway, "'View 1' shows 0 % of the atlas"),
    BadChoice(
        "an atlas that the network does not know",
        _biplanar(method=BiplanarMethodChoice.NETWORK),
        "another atlas was given",
    ),
]


def _noOutput(*choices: str) -> BadChoice:
    return BadChoice("no output", _without(*choices), "No output is chosen")


def _ultrasound(**changes):
    """Other choices of the tab of ultrasound."""

    def make(user: OpenPanel, tab: ReadyTab) -> None:
        for name, value in changes.items():
            setattr(user.parameters.ultrasound, name, value)

    return make


def _oneFrameTwice(user: OpenPanel, tab: ReadyTab) -> None:
    chosen = user.parameters.ultrasound
    chosen.after = chosen.before


def _aSweepOfTwo(user: OpenPanel, tab: ReadyTab) -> None:
    chosen = user.parameters.ultrasound
    values = np.concatenate([arrayOf(chosen.before), arrayOf(chosen.after)])
    chosen.sequence = createVolume(values, rasFromIjk(chosen.before), "Two")
    chosen.frames = FramesChoice.SEQUENCE


_US = [
    BadChoice("nothing", _instead(lambda node: None), "No image is chosen as {role}"),
    BadChoice("an image without pixels", _instead(_withoutVoxels), "no pixels in 'Spoiled'"),
    BadChoice("colour among grey", _instead(_vectors), "Each pixel of 'Spoiled' has 3 values"),
    BadChoice("a line of pixels", _instead(_aLine), "voxels are in 'Spoiled'; a frame is a flat image"),
    BadChoice("a frame of another size", _withValues(lambda p: p[:, :-9]), "pixels in 'Spoiled', but"),
    BadChoice("larger pixels", _withDirections(lambda m: m * 2.0), "pixels of 'Spoiled' have another size"),
    BadChoice("a pixel that is no number", _withValues(_withOnePixel(np.nan)), "has 1 pixels .*not numbers"),
    BadChoice("an infinite pixel", _withValues(_withOnePixel(np.inf)), "has 1 pixels .*not numbers"),
    BadChoice("one frame twice", _oneFrameTwice, "chosen as two of the three frames"),
    BadChoice("no sequence", _ultrasound(frames=FramesChoice.SEQUENCE), "No sequence is chosen"),
    BadChoice("a sweep of two frames", _aSweepOfTwo, "'Two' has 2 frames"),
    BadChoice("no PLUS file", _ultrasound(pixelSize=PixelSizeChoice.FILE), "No PLUS configuration is chosen"),
    BadChoice("no pixel size", _ultrasound(pixelSize=PixelSizeChoice.ENTERED), "both must be positive"),
    BadChoice("no calibration", _ultrasound(pixelSize=PixelSizeChoice.TRANSFORM), "No calibration is chosen"),
]

OF_A_TAB = {
    JobChoice.FETAL_VOLUME: [
        *_OF_A_VOLUME,
        *_OF_A_MASK,
        *_OF_AN_ATLAS,
        _noOutput("wantsTransform", "wantsWarped", "wantsSegmentation"),
    ],
    JobChoice.FETAL_SLICE: [
        *_OF_A_VOLUME,
        *_OF_A_MASK,
        *_OF_AN_ATLAS,
        _noOutput("wantsTransform", "wantsMatching", "wantsSegmentation"),
    ],
    JobChoice.XRAY_CT: [
        *_OF_A_VOLUME,
        *_OF_A_MASK,
        *_OF_RADIOGRAPHS,
        _noOutput("wantsTransform", "wantsDrr", "wantsStand", "wantsPlot"),
    ],
    JobChoice.BIPLANAR: [
        *_OF_A_VOLUME,
        *_OF_A_MASK,
        *_OF_RADIOGRAPHS,
        *_BIPLANAR,
        _noOutput(
            "wantsDeformation", "wantsAffine", "wantsWarped", "wantsSegmentation", "wantsDrr", "wantsBone"
        ),
    ],
    JobChoice.US_ANGLES: [
        *_OF_A_MASK,
        *_US,
        _noOutput("wantsTransforms", "wantsAligned", "wantsCards", "wantsAngles"),
    ],
}
ALL = [(job, bad) for job in READY_TABS for bad in OF_A_TAB[job]]
