"""What only a CT registered to radiographs has in result.json: its views, and how sure each direction is."""

from dataclasses import asdict

from DeepRegistrationLib.images.camera_file import camera_content
from DeepRegistrationLib.workflows.xray_result import XrayCtResult


def xray_entries(result: XrayCtResult) -> dict[str, object]:
    """Entries `views`, `start`, `uncertainty` and `history` (stage -> similarity for each iteration).

    Args:
        result: of the job `xray-ct`.
    """
    return {
        "views": [
            {
                "name": view.radiograph.name,
                "camera": camera_content(view.radiograph.camera),
                "similarity": view.similarity,
                "residual_mm": view.residual_mm,
                "residual_start_mm": view.residual_start_mm,
            }
            for view in result.views
        ],
        "start": {"matrix": result.start, "from": result.answer.source, "to": result.answer.target},
        "uncertainty": asdict(result.uncertainty) if result.uncertainty else None,
        "history": result.history,
    }
