"""Sections of the published file about tools around the project."""

from typing import Annotated, Literal

from pydantic import Field

from tinydet.config.schema.values import Flag, Loose, Section, Text, choice

Optimization = Literal["balanced", "time", "ram"]


class CompilerSection(Section):
    """``tools.stm32ai`` / ``tools.stedgeai``: what the C code is optimized for.

    Attributes:
        version: Taken for compatibility.
        optimization: ``ram`` takes the smallest arena, ``time`` the fewest instructions,
            ``balanced`` the smallest arena that costs next to no time.
        on_cloud: Taken for compatibility.
        path_to_stm32ai: The publisher's compiler; where it is installed, its figures are put
            beside ours. It is never needed.
        path_to_stedgeai: Newer name of the same.
        path_to_loader: Taken for compatibility.
    """

    version: Text | None = None
    optimization: Annotated[Optimization, choice(Optimization)] = "balanced"
    on_cloud: Flag | None = None
    path_to_stm32ai: Text | None = None
    path_to_stedgeai: Text | None = None
    path_to_loader: Text | None = None


class ToolsSection(Section):
    """``tools``: how the C code is made.

    Attributes:
        path_to_cube_ide: Taken for compatibility: the firmware builds without an IDE.
    """

    stm32ai: CompilerSection | None = None
    stedgeai: CompilerSection | None = None
    path_to_cube_ide: Text | None = Field(None, alias="path_to_cubeIDE")

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
    """``mlflow``: experiment tracking; results are files in the run folder."""

    uri: Text | None = None


class HydraRunSection(Section):
    """``hydra.run``.

    Attributes:
        folder: YAML ``dir``. The run folder.
    """

    folder: Text = Field("experiments_outputs/run", alias="dir")


class HydraSection(Section):
    """``hydra``: only ``run.dir`` means something here."""

    run: HydraRunSection = HydraRunSection()
    sweep: Loose = None
    job: Loose = None
    job_logging: Loose = None
    hydra_logging: Loose = None
    verbose: Loose = None
    output_subdir: Loose = None
    mode: Loose = None
    searchpath: Loose = None
    launcher: Loose = None
    sweeper: Loose = None
    callbacks: Loose = None
    env: Loose = None
