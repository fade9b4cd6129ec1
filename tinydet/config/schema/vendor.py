"""Sections of the published file about tools and boards; typed, kept, and not needed here."""

from pydantic import Field

from tinydet.config.schema.values import Flag, Loose, Section, Text, Whole


class CompilerSection(Section):
    """``tools.stm32ai`` / ``tools.stedgeai``."""

    version: Text | None = None
    optimization: Text | None = None
    on_cloud: Flag | None = None
    path_to_stm32ai: Text | None = None
    path_to_stedgeai: Text | None = None
    path_to_loader: Text | None = None


class ToolsSection(Section):
    """``tools``: the publisher's tools; none of them is used."""

    stm32ai: CompilerSection | None = None
    stedgeai: CompilerSection | None = None
    path_to_cube_ide: Text | None = Field(None, alias="path_to_cubeIDE")


class BenchmarkingSection(Section):
    """``benchmarking``: the board."""

    board: Text | None = None


class HardwareSection(Section):
    """``deployment.hardware_setup``: the board and what is connected."""

    serie: Text | None = None
    board: Text | None = None
    input: Text | None = None
    output: Text | None = None
    stlink_serial_number: Text | None = None
    ip_address: Text | None = None


class DeploymentSection(Section):
    """``deployment``: the application on the board."""

    c_project_path: Text | None = None
    ide: Text | None = Field(None, alias="IDE")
    verbosity: Whole | None = None
    hardware_setup: HardwareSection | None = None
    label_file_path: Text | None = None
    board_deploy_path: Text | None = None


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
