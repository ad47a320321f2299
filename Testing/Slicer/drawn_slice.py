"""Draws a slice in an atlas as the tab shows it, and counts what is to be seen.

python -m Testing.Slicer.drawn_slice ATLAS_FOLDER EMPTY_FOLDER
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from DeepRegistrationSlicer import HeadlessSlicer  # noqa: E402 - it needs the path above

HeadlessSlicer.boot()

from DeepRegistrationSlicer.AtlasSource import AtlasByAge  # noqa: E402
from DeepRegistrationSlicer.AtlasSurface import surfaceOf  # noqa: E402
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest  # noqa: E402
from DeepRegistrationSlicer.Logic import RegistrationLogic  # noqa: E402
from DeepRegistrationSlicer.SliceInAtlasView import SLICE_VIEW, THREE_D_VIEW, showSliceInAtlas  # noqa: E402
from DeepRegistrationSlicer.SliceSource import SliceSource  # noqa: E402

from Testing.Slicer.slices import ScriptedWorker, sliceVolume  # noqa: E402
from Testing.Slicer.views import SliceView, ThreeDView, prepareViews, viewNode  # noqa: E402

_SIZE = (160, 160)


def main() -> None:
    """Prints the counts as JSON; leaves without taking the views apart, which Slicer does not expect."""
    prepareViews()
    worker = ScriptedWorker(Path(sys.argv[2]) / "jobs.log")
    request = FetalSliceRequest(SliceSource(sliceVolume(7.0)), atlas=AtlasByAge(Path(sys.argv[1])))
    result = RegistrationLogic(worker).startRegistration(request).outcome.nodes
    worker.shutdown()
    result.subject.GetDisplayNode().SetAutoWindowLevel(False)
    result.subject.GetDisplayNode().SetWindowLevel(14.0, 7.0)
    showSliceInAtlas(result)
    flat, threeD = SliceView(SLICE_VIEW, _SIZE), ThreeDView(THREE_D_VIEW, _SIZE)
    showSliceInAtlas(result)
    counts = {"grey pixels": greyPixels(flat.picture())}
    view, everything = viewNode("vtkMRMLSliceNode", SLICE_VIEW), threeD.picture()
    view.SetSliceVisible(False)
    withoutSlice = threeD.picture()
    surfaceOf(result.atlas).SetDisplayVisibility(False)
    counts["pixels of the slice in 3D"] = differentPixels(everything, withoutSlice)
    counts["pixels of the brain in 3D"] = differentPixels(withoutSlice, threeD.picture())
    view.SetSliceOffset(view.GetSliceOffset() + 50)
    counts["grey pixels beside the slice"] = greyPixels(flat.picture())
    print(json.dumps(counts), flush=True)
    os._exit(0)


def greyPixels(picture: np.ndarray) -> int:
    """Pixels that are neither black nor coloured."""
    values = picture.astype(int)
    return int(((np.ptp(values, axis=2) == 0) & (values.max(axis=2) > 0)).sum())


def differentPixels(first: np.ndarray, second: np.ndarray) -> int:
    return int((first != second).any(axis=2).sum())


if __name__ == "__main__":
    main()
