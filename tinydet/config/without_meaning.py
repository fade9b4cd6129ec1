"""Keys of published files that are accepted without meaning: the one table of them.

Their values are never read, so that nothing in them can stop a run. One line at the start of a run
names those that were written.
"""

from pathlib import Path

from tinydet.config.document import Document, Key, Scalar, dotted

_TEXT = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
# Why they have no meaning here, and what to do instead -> keys, or sections with all below them.
WITHOUT_MEANING: dict[str, tuple[str, ...]] = {
    why: tuple(keys) for why, *keys in (block.splitlines() for block in _TEXT.split("\n\n"))
}
# Keys that are accepted only where they are switched off: on, they would change what comes out.
OFF_ONLY = {
    "preprocessing.normalization": "Write it as preprocessing.rescaling.",
    "preprocessing.mean": "Write it as preprocessing.rescaling.offset.",
    "preprocessing.std": "Write it as preprocessing.rescaling.scale.",
    "training.dryrun": "Write training.epochs: 1 for a short training.",
}
OFF = ("", "false", "none", "null", "~", "0", "no", "off")
KEYS = frozenset(key for keys in WITHOUT_MEANING.values() for key in keys)


def _set_aside_defaults(document: Document) -> None:
    """Hydra's list of files that are laid together; only this file's own place means nothing."""
    listed = document.get("defaults")
    if listed is None:
        return
    for entry in listed if isinstance(listed, list) else [listed]:
        names = entry if isinstance(entry, dict) else [entry]
        if not all(name == "_self_" or "hydra/" in str(name) for name in names):
            remedy = "Copy what they contain into this file, and remove the key."
            document.report(("defaults",), "a list of other files", "one file", remedy)
    document.set_aside.append("defaults")
    document.forget(("defaults",))


def is_without_meaning(key: Key) -> bool:
    """Whether a key, or a section above it, stands in the table."""
    return any(dotted(key[:length]) in KEYS for length in range(1, len(key) + 1))


def set_aside(document: Document) -> None:
    """Take the keys of the tables out of a document; ``document.set_aside`` names them."""
    _set_aside_defaults(document)
    for key in list(document.origins):
        name = dotted(key)
        value = document.get(*key)
        if name in KEYS:
            if value is not None:
                document.set_aside.append(name)
            document.forget(key)
        elif name in OFF_ONLY:
            if not (value is None or (isinstance(value, Scalar) and value.lower() in OFF)):
                document.report(key, "a value here", "this key switched off", OFF_ONLY[name])
            document.forget(key)
