"""Command line of the trained networks: list, show, verify, download, remove, add; only `add` needs torch."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.models.catalog import ModelEntry, Network, find_model, model_catalog, models_folder
from DeepRegistrationLib.models.model_card import model_card
from DeepRegistrationLib.models.weights_file import ModelState, read_weights, state_of
from DeepRegistrationLib.progress import Progress, Report
from DeepRegistrationLib.sample_data import data_folder

models_app = typer.Typer(
    help="Trained networks: list, show, verify, download, remove, add.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(help="Name of the model, as `models list` shows it.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")]


@models_app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue entries as JSON.")] = False,
) -> None:
    """Show the trained networks: what each is for, its version, size and licence, and whether it is here."""

    def work(keep_going: Report) -> int:
        catalog = model_catalog()
        if as_json:
            entries = [{**entry.to_json(), "state": str(state_of(entry))} for entry in catalog.values()]
            sys.stdout.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
            return ExitCode.DONE
        for entry in catalog.values():
            say(f"{entry.name}: version {entry.version} ({_size(entry)}, {state_of(entry)})")
            say(f"    {entry.summary}\n    {entry.anatomy}, {entry.modality}. Network: {entry.network}.")
            say(f"    Licence: {entry.licence}")
        if not catalog:
            say("There are no models.")
        say(f"Catalogue: {models_folder()} (environment variable DEEPREGISTRATION_MODELS)")
        say(f"Downloads: {data_folder()} (environment variable DEEPREGISTRATION_DATA)")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


@models_app.command("show")
def show_model(name: NameArgument) -> None:
    """Print the model card: data, figures, limits, licence."""

    def work(keep_going: Report) -> int:
        say(model_card(find_model(name)).rstrip())
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


@models_app.command("verify")
def verify_models(
    name: Annotated[str | None, typer.Argument(help="Name of one model; left out, all.")] = None,
) -> None:
    """Check version and every byte of the weights. Exit code 1 if any cannot be used."""

    def work(keep_going: Report) -> int:
        entries = [find_model(name)] if name else list(model_catalog().values())
        problems = 0
        for number, entry in enumerate(entries):
            keep_going(Progress(number / len(entries), f"checking {entry.name}"))
            if name is None and state_of(entry) == ModelState.NOT_DOWNLOADED:
                say(f"{entry.name}: not downloaded")
                continue
            try:
                read_weights(entry)
            except RegistrationError as error:
                problems += 1
                say(f"{entry.name}: {error}")
            else:
                say(f"{entry.name}: version {entry.version}, as the catalogue says")
        if not entries:
            say("There are no models.")
        return ExitCode.FAILED if problems else ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


@models_app.command("download")
def download_weights(name: NameArgument, quiet: QuietOption = False) -> None:
    """Download the weights of a model; every byte is checked."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.models.download import download_model

        entry = find_model(name)
        if entry.url is not None:
            say(f"{entry.name}, version {entry.version}: {_size(entry)}. Licence: {entry.licence}")
        say(f"Now in {download_model(entry, keep_going)}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


@models_app.command("remove")
def remove_weights(name: NameArgument) -> None:
    """Delete the downloaded weights of a model from this machine."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.models.download import remove_model

        freed_bytes = remove_model(find_model(name))
        say(f"{freed_bytes / 1e6:.1f} MB freed in {data_folder()}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


@models_app.command("add")
def add_weights(
    name: Annotated[str, typer.Argument(help="Name in the catalogue; one that is there gets a new version.")],
    network: Annotated[Network, typer.Option(help="Which network the weights are of.")],
    weights: Annotated[Path, typer.Option(help="safetensors file, or checkpoint of the training (.ckpt).")],
    card_data: Annotated[
        Path,
        typer.Option(help="JSON: the fields of catalog.schema.json that are not found out here."),
    ],
    prefix: Annotated[
        str, typer.Option(help="Take the tensors of the file whose names begin with this.")
    ] = "network.",
    float32: Annotated[
        bool, typer.Option("--float32", help="Store in single precision; left out, half precision.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="How far half precision may move any output [unit of the output].", min=0)
    ] = 0.01,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the catalogue; left out, the one in use.")
    ] = None,
) -> None:
    """Put trained weights into the catalogue: writes the safetensors file, the entry and the model card."""

    def work(keep_going: Report) -> int:
        facts = _read_card_data(card_data)
        from DeepRegistrationLib.models.export import Storage, add_model  # imports torch
        from DeepRegistrationLib.models.state_dict import read_state_dict

        storage = Storage.FLOAT32 if float32 else Storage.FLOAT16
        state = read_state_dict(weights, prefix)
        entry = add_model(name, network, state, facts, storage, tolerance, folder)
        say(f"{entry.name}, version {entry.version}: {_size(entry)}, SHA-256 {entry.sha256}")
        target = folder or models_folder()
        say(f"Written to {target}: {entry.file}, {entry.name}.md, catalog.json")
        listing = target / "CMakeLists.txt"
        if entry.url is None and listing.is_file() and entry.file not in listing.read_text(encoding="utf-8"):
            say(f"List {entry.file} and {entry.name}.md in {listing}, or Slicer does not install them.")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


def _read_card_data(path: Path) -> dict[str, object]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise InputError(f"The card data '{path}' cannot be read ({err}). Name a JSON file.") from err
    if not isinstance(facts, dict):
        raise InputError(
            f"The card data '{path}' are no JSON object. Write the fields of the catalogue entry."
        )
    return facts


def _size(entry: ModelEntry) -> str:
    return f"{entry.size_bytes / 1e6:.1f} MB"
