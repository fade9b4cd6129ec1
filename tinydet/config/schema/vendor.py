"""Sections of the published file about tools around the project."""

from typing import Annotated, Literal

from pydantic import Field

from tinydet.config.schema.values import Section, Text, choice

Optimization = Literal["balanced", "time", "ram"]


class CompilerSection(Section):
    """``tools.stm32ai`` / ``tools.stedgeai``: what the C code is optimized for.

    Attributes:
        optimization: ``balanced``: less memory, almost no slowdown; ``ram``: least memory;
            ``time``: fastest.
        path_to_stm32ai: The publisher's compiler; if it is installed, its figures are shown next to
            tinydet's. It is never required.
        path_to_stedgeai: Newer name of the same key.
    """

    optimization: Annotated[Optimization, choice(Optimization)] = "balanced"
    path_to_stm32ai: Text | None = None
    path_to_stedgeai: Text | None = None


class ToolsSection(Section):
    """``tools``: how the C code is made."""

    stm32ai: CompilerSection | None = None
    stedgeai: CompilerSection | None = None

    @property
    def optimization(self) -> Optimization:
        """What the C code is optimized for; the newer section counts first."""
        section = self.stedgeai or self.stm32ai
        return section.optimization if section else "balanced"

    @property
    def stedgeai_path(self) -> str | None:
        """The publisher's compiler, where the file names it."""
        for section in (self.stedgeai, self.stm32ai):
            if section and (path := section.path_to_stedgeai or section.path_to_stm32ai):
                return path
        return None


class MlflowSection(Section):
    """``mlflow``: experiment tracking beside the files of the run folder.

    Attributes:
        uri: Where MLflow keeps its runs, a folder or a server. If MLflow is installed, parameters,
            the metrics of every epoch and the files of the run are logged there.
    """

    uri: Text | None = None


class HydraRunSection(Section):
    """``hydra.run``.

    Attributes:
        folder: YAML ``dir``. The run folder.
    """

    folder: Text = Field("experiments_outputs/run", alias="dir")


class HydraSection(Section):
    """``hydra``: where the run goes."""

    run: HydraRunSection = HydraRunSection()
