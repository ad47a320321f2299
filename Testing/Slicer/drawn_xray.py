"""Draws views of radiographs in a process of its own and keeps the pictures: views outlive a scene badly.

python drawn_xray.py FOLDER: upright.npy, mirrored.npy, overlay.npy, faded.npy, empty3d.npy, machine3d.npy.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "DeepRegistration")]

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

from DeepRegistrationSlicer.MrmlBridge import createVolume  # noqa: E402
from DeepRegistrationSlicer.XrayImages import colour  # noqa: E402
from DeepRegistrationSlicer.XrayStand import createStand  # noqa: E402
from DeepRegistrationSlicer.XrayViews import (  # noqa: E402
    THREE_D_VIEW,
    XRAY_VIEWS,
    XrayShown,
    setOverlayOpacity,
    showXray,
)

from Testing.Slicer.views import SliceView, ThreeDView, prepareViews  # noqa: E402
from Testing.Slicer.xray_phantom import onDetector  # noqa: E402


def main() -> None:
    """Draws all pictures."""
    folder = Path(sys.argv[1])
    corner = np.zeros((60, 80))
    corner[:20, :30] = 100.0
    prepareViews()
    flat, threeD = SliceView(XRAY_VIEWS[0], (320, 240)), ThreeDView(THREE_D_VIEW, (400, 300))
    np.save(folder / "empty3d.npy", threeD.picture())
    for name, mirrored in (("upright", False), ("mirrored", True)):
        showXray(XrayShown([onDetector(corner, mirrored)[0]], [None]), 0.5)
        np.save(folder / f"{name}.npy", flat.picture())
    radiograph, camera = onDetector(np.full((60, 80), 100.0) + corner)
    drr = createVolume(corner[None].astype(np.float32), camera.ras_from_ijk, "DRR")
    drr.CreateDefaultDisplayNodes()
    colour(drr)
    showXray(XrayShown([radiograph], [drr], [createStand(camera, "X-ray machine")]), 1.0)
    np.save(folder / "overlay.npy", flat.picture())
    np.save(folder / "machine3d.npy", threeD.picture())
    setOverlayOpacity(0.0)
    np.save(folder / "faded.npy", flat.picture())


if __name__ == "__main__":
    main()
