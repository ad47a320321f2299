"""What only the report of a bent atlas has: how well each view matches, and how far the atlas was bent."""

from collections.abc import Mapping, Sequence

import numpy as np

from DeepRegistrationLib.report.html_parts import grid, section, table


def biplanar_sections(content: Mapping[str, object]) -> list[str]:
    """The sections as HTML.

    Args:
        content: of result.json.
    """
    return [_views(content["views"]), _deformation(content)]


def _views(views: Sequence[Mapping[str, object]]) -> str:
    rows = [
        (
            view["name"],
            view["mask"],
            f"{view['edges']:.2f}",
            "unknown" if view["outline_distance_mm"] is None else f"{view['outline_distance_mm']:.2f}",
            _correction(view["camera_correction"]["matrix"]),
        )
        for view in views
    ]
    header = (
        "radiograph",
        "shadow of the bone",
        "agreement of edges",
        "outlines apart [mm]",
        "camera corrected by",
    )
    return section("How well the views match", grid(header, rows))


def _correction(matrix: Sequence[Sequence[float]]) -> str:
    turn = np.array(matrix)[:3, :3]
    degrees = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    return f"{degrees:.1f} degrees" if degrees > 1e-3 else "nothing"


def _deformation(content: Mapping[str, object]) -> str:
    jacobian, uncertainty = content["jacobian"], content["uncertainty_mm"]
    return section(
        "How the atlas was bent",
        table(
            {
                "smallest local change of volume": jacobian["smallest"],
                "largest local change of volume": jacobian["largest"],
                "voxels that fold": jacobian["folded"],
                "uncertainty of the place [mm], smallest": uncertainty["smallest"],
                "uncertainty of the place [mm], largest": uncertainty["largest"],
            }
        ),
    )
