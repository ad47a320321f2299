"""Brings sample images onto this machine and removes them again."""

from pathlib import Path

from DeepRegistrationLib.file_download import download_files, remove_files
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.sample_data import Sample, data_folder


def download(sample: Sample, report: Report = keep_going, folder: Path | None = None) -> Path:
    """Brings what is missing of a sample onto this machine.

    Args:
        sample: the sample.
        report: receives the fraction of all bytes; False stops.
        folder: data folder; None takes `data_folder()`.

    Returns:
        The data folder.

    Raises:
        RegistrationError: no network, no space, folder not writable, or other bytes than expected.
        Cancelled: `report` refused.
    """
    root = folder or data_folder()
    download_files(sample.files, sample.title, root, report)
    return root


def remove(sample: Sample, folder: Path | None = None) -> int:
    """Deletes the files of a sample, and folders that become empty; nothing else.

    Args:
        sample: the sample.
        folder: data folder; None takes `data_folder()`.

    Returns:
        Number of bytes freed.

    Raises:
        RegistrationError: a file cannot be deleted.
    """
    return remove_files(sample.files, folder or data_folder())
