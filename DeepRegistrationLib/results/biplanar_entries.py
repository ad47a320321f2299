"""What only a bent atlas has in result.json: its views, local changes of volume, its fields."""

from dataclasses import asdict

from DeepRegistrationLib.images.camera_file import camera_content
from DeepRegistrationLib.workflows.biplanar_result import ATLAS, WORLD, BiplanarResult


def biplanar_entries(result: BiplanarResult) -> dict[str, object]:
    """Entries `views`, `start`, `jacobian`, `uncertainty_mm`, `fields` and `history`.

    Args:
        result: of the job `biplanar`.
    """
    inside = result.uncertainty.values
    return {
        "views": [
            {
                "name": view.radiograph.name,
                "camera": camera_content(view.radiograph.camera),
                "camera_correction": {"matrix": view.camera_correction.tolist(), "from": WORLD, "to": WORLD},
                "mask": "given" if view.shadow_given else "proposed",
                "edges": view.edges,
                "outline_distance_mm": view.distance_mm,
            }
            for view in result.views
        ],
        "start": {"matrix": result.start, "from": result.answer.source, "to": result.answer.target},
        "jacobian": asdict(result.jacobian),
        "uncertainty_mm": {"smallest": float(inside.min()), "largest": float(inside.max())},
        "fields": {
            "transform.h5": {"from": WORLD, "to": ATLAS},
            "inverse.h5": {"from": ATLAS, "to": WORLD},
        },
        "history": result.history,
    }
