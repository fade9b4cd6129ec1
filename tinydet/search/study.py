"""The search: proposes configurations, runs them, remembers everything in one folder."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.config.loader import load_config, resolved_yaml
from tinydet.config.overrides import Change
from tinydet.config.schema import UserConfig
from tinydet.errors import ConfigError, MissingToolError, TinydetError, UnsupportedError
from tinydet.notes import tell_progress
from tinydet.pipeline import datasets
from tinydet.pipeline.network import require_training_tools
from tinydet.search.memory import ArenaSizes
from tinydet.search.report import best_trial, draw_trials, write_table
from tinydet.search.space import SearchSpace, fitted_schedule
from tinydet.search.trial_run import run_trial

if TYPE_CHECKING:
    import optuna

JOURNAL_FILE, ARENAS_FILE, BEST_FILE = "trials.log", "arenas.json", "best.yaml"
TABLE_FILE, PICTURE_FILE, TRIALS_FOLDER = "trials.csv", "trials.png", "trials"
STUDY = "tinydet"
ARENA, REASON = "arena_bytes", "reason"  # attributes of a trial
STARTUP_TRIALS = 5  # run to their end before any is stopped early
MOST_REFUSED = 200  # proposals in a row that need too much RAM


@dataclass(frozen=True)
class TuneOptions:
    """How to search.

    Attributes:
        trials: Finished or stopped trials in the end, those of earlier calls included.
        epochs: Of a trial; None takes those of the configuration.
        ram_limit_bytes: Most activation RAM of the compiled network; None for any.
        seed: Of the proposals.
    """

    trials: int = 30
    epochs: int | None = None
    ram_limit_bytes: int | None = None
    seed: int = 0


def search(
    config_file: Path,
    overrides: Sequence[Change],
    space: SearchSpace,
    output: Path,
    options: TuneOptions,
) -> "optuna.Study":
    """Search, or continue the search of that folder.

    Every trial is a run in a process of its own, in ``output/trials``. One whose validation AP
    stays below the median of the others at the same epoch is stopped early. A search that was
    stopped continues with the same command; a trial that was under way is resumed after its last
    finished epoch.

    Args:
        config_file: Configuration of the trials.
        overrides: Laid over it.
        space: What is searched.
        output: Gets ``trials.log`` (Optuna's journal), ``trials/``, ``trials.csv``,
            ``trials.png`` and ``best.yaml``, the best configuration, ready to run.
        options: How.

    Returns:
        All trials, as Optuna has them.

    Raises:
        MissingToolError: Optuna or TensorFlow is not installed.
        UnsupportedError: No network of the space keeps the limit.
        TinydetError: The configuration or a key of the space is wrong; the first trial fails.

    Reference:
        Akiba et al., 2019, "Optuna"; Bergstra et al., 2011, "Algorithms for Hyper-Parameter
        Optimization" (the tree-structured Parzen estimator that proposes).
    """
    require_training_tools("a search")
    study = _open_study(make_folder(output), options)
    trials = Search(config_file, tuple(overrides), space, output, options)
    trials.restart_interrupted(study)
    refused = 0
    while trials.done(study) < options.trials:
        trial = study.ask()
        fits = trials.run(study, trial)
        refused = 0 if fits else refused + 1
        if refused > MOST_REFUSED:
            raise UnsupportedError(
                "--ram-limit",
                f"{options.ram_limit_bytes} bytes",
                f"{trials.smallest_arena(study)} bytes or more",
                "Raise the limit, or add smaller networks to the search space.",
            )
        trials.write(study)
    trials.write(study)
    return study


def _open_study(output: Path, options: TuneOptions) -> "optuna.Study":
    try:
        import optuna
    except ImportError:
        remedy = "Install it: pip install 'tinydet[tune]'."
        raise MissingToolError("a search", "optuna", remedy) from None
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = JournalFileBackend(str(output / JOURNAL_FILE))
    return optuna.create_study(
        storage=optuna.storages.JournalStorage(journal),
        study_name=STUDY,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=options.seed, n_startup_trials=STARTUP_TRIALS),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )


@dataclass(eq=False)
class Search:
    """What a search needs beside Optuna's study.

    Attributes:
        config_file: Configuration of the trials.
        overrides: Laid over it.
        space: What is searched.
        output: Folder of the search.
        options: How.

    Raises:
        TinydetError: The configuration is wrong, or the data set cannot be read.
    """

    config_file: Path
    overrides: tuple[Change, ...]
    space: SearchSpace
    output: Path
    options: TuneOptions

    def __post_init__(self) -> None:
        config = load_config(self.config_file, self.overrides).config
        if not config.trains:
            raise ConfigError(
                [
                    f"operation_mode: a search over {config.operation_mode} is not supported "
                    "(supported: modes with training). Set it to chain_tqe."
                ]
            )
        training, _ = datasets.load_training(config.dataset)
        self.arenas = ArenaSizes(self.output / ARENAS_FILE, len(training.class_names))

    def restart_interrupted(self, study: "optuna.Study") -> None:
        """Put trials that a killed search has left under way first in the queue again."""
        from optuna.trial import TrialState

        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)

    def done(self, study: "optuna.Study") -> int:
        """Trials that have been trained, to their end or until they were stopped."""
        from optuna.trial import TrialState

        states = (TrialState.COMPLETE, TrialState.PRUNED)
        trials = study.get_trials(deepcopy=False, states=states)
        return sum(REASON not in trial.user_attrs for trial in trials)

    def run(self, study: "optuna.Study", trial: "optuna.Trial") -> bool:
        """Carry one trial out and tell the study.

        Returns:
            Whether its network keeps the limit of RAM; else it is not trained.
        """
        from optuna.trial import TrialState

        values = self.space.suggest(trial)
        wishes = [*self.overrides, values]
        folder = self.output / TRIALS_FOLDER / _name(values)
        try:
            config_file, config = self._trial_config(wishes, folder)
            if not self._fits(trial, config):
                study.tell(trial, state=TrialState.PRUNED)
                return False
            ap = run_trial(config_file, folder, lambda epoch, ap: self._stops(trial, epoch, ap))
        except TinydetError:
            study.tell(trial, state=TrialState.FAIL)
            raise
        if ap is None:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, ap)
        tell_progress(
            f"trial {trial.number}: {'stopped early' if ap is None else f'AP {ap:.1%}'}  {values}"
        )
        return True

    def _trial_config(self, wishes: list[Change], folder: Path) -> tuple[Path, UserConfig]:
        config = load_config(self.config_file, wishes).config
        epochs = self.options.epochs or config.training.epochs
        budget = {
            "operation_mode": "training",
            "training.epochs": epochs,
            "hydra.run.dir": folder.resolve(),
            "general.saved_models_dir": "saved_models",  # each trial keeps its own
            "general.logs_dir": "logs",
            **fitted_schedule(config.training, epochs),
        }
        config = load_config(self.config_file, [*wishes, budget]).config
        path = folder.with_suffix(".yaml")
        write_text_atomically(path, resolved_yaml(config))
        return path, config

    def _fits(self, trial: "optuna.Trial", config: UserConfig) -> bool:
        limit = self.options.ram_limit_bytes
        if limit is None:
            return True
        arena = self.arenas.arena_bytes(config)
        trial.set_user_attr(ARENA, arena)
        if arena > limit:
            trial.set_user_attr(REASON, f"{arena} bytes of RAM")
            tell_progress(f"trial {trial.number}: not trained, it needs {arena} bytes of RAM")
        return arena <= limit

    def _stops(self, trial: "optuna.Trial", epoch: int, ap: float) -> bool:
        trial.report(ap, epoch)
        return bool(trial.should_prune())

    def smallest_arena(self, study: "optuna.Study") -> int:
        """Least RAM of the networks that were looked at."""
        arenas = [t.user_attrs[ARENA] for t in study.trials if ARENA in t.user_attrs]
        return min(arenas, default=0)

    def write(self, study: "optuna.Study") -> None:
        """The table, the picture, and the best configuration so far."""
        write_table(study, self.output / TABLE_FILE)
        draw_trials(study, self.output / PICTURE_FILE)
        best = best_trial(study)
        if best is not None:
            wishes = [*self.overrides, best.params]
            text = resolved_yaml(load_config(self.config_file, wishes).config)
            head = f"# Best of {self.done(study)} trials: AP {best.value:.2%} (trial {best.number})"
            write_text_atomically(self.output / BEST_FILE, f"{head}\n{text}")


def _name(values: dict[str, Any]) -> str:
    """Folder of a trial: by its values, so that one that is run again goes on."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
