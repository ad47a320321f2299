"""The model card: all that the catalogue says about a model, as a page for people."""

from collections.abc import Mapping

from DeepRegistrationLib.models.catalog import ModelEntry
from DeepRegistrationLib.sample_data import find_sample


def card_file(name: str) -> str:
    """Base name of a model's card; it lies beside the catalogue."""
    return f"{name}.md"


def model_card(entry: ModelEntry) -> str:
    """The card of a model.

    Args:
        entry: the model.

    Returns:
        Markdown; the same text for the same entry.

    Raises:
        InputError: the entry names a sample that does not exist.
    """
    facts = {
        "Network": entry.network,
        "Settings": ", ".join(f"{key} {value}" for key, value in entry.settings.items()) or "none",
        "Version": entry.version,
        "Input grid": str(entry.input_grid),
        "Anatomy": entry.anatomy,
        "Modality": entry.modality,
        "File": f"{entry.file}, {entry.size_bytes / 1e6:.2f} MB",
        "SHA-256": entry.sha256,
        "Download": entry.url or "comes with the program",
    }
    parts = [
        f"# {entry.name}",
        entry.summary,
        _table("what", "value", facts),
        "## Figures",
        _table("measured on the test subjects", "value", entry.figures) if entry.figures else "None yet.",
        "## Limits",
        "\n".join(f"- {limit}" for limit in entry.limits),
        "It is research software and not a medical device.",
        "## Data",
        entry.training_data,
        _table("part", "subjects", entry.split),
        "## Licence",
        f"{entry.licence}.".replace("..", "."),
        *_sources(entry),
        "## Train it again",
        f"```\n{entry.training_command}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sources(entry: ModelEntry) -> list[str]:
    if not entry.training_samples:
        return []
    samples = [find_sample(name) for name in entry.training_samples]
    lines = [f"- {sample.title}: {sample.licence}. Cite: {sample.citation}." for sample in samples]
    return ["Trained on:", "\n".join(lines)]


def _table(left: str, right: str, rows: Mapping[str, object]) -> str:
    lines = [f"| {key} | {_shown(value)} |" for key, value in rows.items()]
    return "\n".join([f"| {left} | {right} |", "|---|---|", *lines])


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
