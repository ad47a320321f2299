"""Brings the weights of a model onto this machine and removes them again."""

from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.file_download import download_files, remove_files
from DeepRegistrationLib.models.catalog import ModelEntry
from DeepRegistrationLib.models.weights_file import remote_file
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.sample_data import data_folder


def download_model(entry: ModelEntry, report: Report = keep_going) -> Path:
    """Downloads the weights of a model into the data folder, unless they are there already.

    Every byte is checked; a file of another version is replaced.

    Args:
        entry: the model; `entry.size_bytes` tells beforehand how much it is.
        report: receives the fraction of the bytes; False stops.

    Returns:
        The file.

    Raises:
        InputError: the model comes with the program.
        RegistrationError: no network, no space, folder not writable, or other bytes than expected.
        Cancelled: `report` refused.
    """
    if entry.url is None:
        raise InputError(
            f"The model '{entry.name}' comes with the program, so there is nothing to download. If it is "
            "missing or damaged, install DeepRegistration again."
        )
    file = remote_file(entry)
    download_files([file], entry.name, data_folder(), report)
    return data_folder() / file.path


def remove_model(entry: ModelEntry) -> int:
    """Deletes the downloaded weights of a model.

    Args:
        entry: the model.

    Returns:
        Number of bytes freed; 0 if it was not downloaded.

    Raises:
        InputError: the model comes with the program.
        RegistrationError: the file cannot be deleted.
    """
    if entry.url is None:
        raise InputError(
            f"The model '{entry.name}' comes with the program and is removed together with it. "
            "Only downloaded models can be removed."
        )
    return remove_files([remote_file(entry)], data_folder())
