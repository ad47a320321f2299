"""What pyproject.toml cannot say: the models lie beside the library and are installed into its folder."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODELS = Path("Resources", "Models")


class BuildWithModels(build_py):
    """Copies the catalogue, the weights and the model cards to where the installed library looks for them."""

    def run(self) -> None:
        """Builds as ever, then copies the models."""
        super().run()
        if not self.editable_mode:  # there the library finds them in the source tree
            target = Path(self.build_lib, "DeepRegistrationLib", MODELS)
            target.mkdir(parents=True, exist_ok=True)
            for file in self._model_files():
                self.copy_file(str(file), str(target / file.name))

    def get_source_files(self) -> list[str]:
        """Files of a source distribution."""
        return [*super().get_source_files(), *map(str, self._model_files())]

    def _model_files(self) -> list[Path]:
        endings = (".json", ".safetensors", ".md")
        return sorted(path for path in MODELS.iterdir() if path.suffix in endings)


setup(cmdclass={"build_py": BuildWithModels})
