"""What `deepregistration train` does once torch may be imported."""

from pathlib import Path

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.sample_data import FETAL_ATLAS, installed_atlas_folder
from DeepRegistrationLib.training.trainable_network import TrainableNetwork

_ACCELERATORS = {Device.AUTO: "auto", Device.CPU: "cpu", Device.CUDA: "cuda", Device.MPS: "mps"}


def run_training(
    network: TrainableNetwork,
    data: Path | None,
    output: Path,
    config: Path | None,
    device: Device,
    devices: int,
    nodes: int,
    resume: bool,
    start_from: Path | None,
    report: Report,
) -> Path:
    """Trains a network; see `training/run.py`.

    Raises:
        InputError: settings, data or folder cannot be used.
        RegistrationError: lightning is not installed.
        Cancelled: `report` returned False.
    """
    try:
        import lightning  # noqa: F401
    except ImportError as err:
        raise RegistrationError(
            "Training needs the package 'lightning', which is not installed. Install it with: "
            "pip install 'slicer-deep-registration[training]'"
        ) from err
    from DeepRegistrationLib.training.recipes import make_recipe
    from DeepRegistrationLib.training.run import Machines, train

    if data is None and network is TrainableNetwork.XRAY_DEEP_NET:
        raise InputError(
            "No CTs were given. Name the folder with the CTs that data/xray_split.py lists with --data."
        )
    folder = data or installed_atlas_folder()
    if folder is None:
        raise InputError(
            "No training images were given and no atlas is installed. Name a folder with --data, or download "
            f"the atlas with: deepregistration data download {FETAL_ATLAS}"
        )
    recipe = make_recipe(network, config)
    machines = Machines(_ACCELERATORS[device], devices, nodes)
    return train(recipe, folder, output, machines, resume, report, start_from)
