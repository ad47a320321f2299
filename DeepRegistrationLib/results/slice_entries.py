"""What only slices have in result.json: poses that cannot be told apart, and one pose for each slice."""

from dataclasses import asdict

from DeepRegistrationLib.workflows.result import RegistrationResult


def slice_entries(result: RegistrationResult) -> dict[str, object]:
    """Entries `hypotheses` and `slices`, where the result has them.

    Args:
        result: of the job `fetal-slice` or `fetal-volume`.
    """
    found: dict[str, object] = {}
    if result.hypotheses:
        found["hypotheses"] = [asdict(entry) for entry in result.hypotheses]
    if result.slices:
        found["slices"] = [asdict(entry) for entry in result.slices]
    return found
