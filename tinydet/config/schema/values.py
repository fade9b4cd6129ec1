"""Field types: how a text value becomes a number, a switch, a text or a list.

A text is interpreted by the type of its field, so that a name or a path such as ``2024/05`` stays
text where text belongs, and ``1/127.5`` becomes a number where a number belongs.
"""

from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tinydet.config.document import Scalar, is_none
from tinydet.config.expressions import ExpressionError, Plain, evaluate
from tinydet.errors import near_name

Finding: TypeAlias = "tuple[tuple[str, ...], str, str, str]"

MAX_NAMES = 100  # of functions or callbacks
TRUE = {"true", "yes", "on"}
FALSE = {"false", "no", "off"}


class Section(BaseModel):
    """Frozen, closed base of all sections. A key with nothing after it counts as not written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), validate_default=False
    )

    @model_validator(mode="before")
    @classmethod
    def drop_empty(cls, values: Any) -> Any:
        """Leave out empty keys, and ``None`` where a field has a default other than None."""
        if not isinstance(values, dict):
            return values
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        kept: dict[Any, Any] = {}
        for key, value in values.items():
            field = fields.get(key)
            if isinstance(value, Scalar) and value.is_empty and field:
                continue
            if is_none(value) and field:
                if _allows_none(field.annotation):
                    kept[key] = None
                continue
            kept[key] = value
        return kept


def _allows_none(annotation: Any) -> bool:
    return annotation is Any or type(None) in get_args(annotation)


def reject(found: object, supported: str, remedy: str) -> PydanticCustomError:
    """The error a validator raises; it becomes one finding with file and line."""
    context = {"found": str(found), "supported": supported, "remedy": remedy}
    return PydanticCustomError("unsupported", "{found} (supported: {supported}). {remedy}", context)


class RejectedError(ValueError):
    """Several findings inside one value.

    Args:
        findings: ``(key below the value, found, supported, remedy)``, at least one.
    """

    def __init__(self, findings: "list[Finding]") -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = findings


def show(value: object) -> str:
    """A found value, short enough for one line."""
    text = repr(str(value)) if isinstance(value, str) else str(value)
    if isinstance(value, (dict, list, tuple)):
        kind = "a section" if isinstance(value, dict) else "a list"
        text = f"{kind} of {len(value)}"
    return text if len(text) <= 60 else text[:57] + "..."


def to_text(value: Any) -> str:
    """A text as it was written; whatever it looks like, it stays text."""
    if isinstance(value, (str, Path)):
        return str(value)
    if isinstance(value, (dict, list, tuple)):
        raise reject(show(value), "a text", "Write one text.")
    return str(value)


def to_number(value: Any) -> float:
    """A finite number, from itself or an expression."""
    if isinstance(value, str):
        try:
            value = evaluate(value)
        except ExpressionError as error:
            supported = "a number or an expression such as 1/127.5"
            raise reject(show(value), supported, f"Correct it: {error}.") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise reject(show(value), "a number", "Write a number.")
    return float(value)


def to_whole(value: Any) -> int:
    """An integer, from itself or an expression such as ``2 * 60`` or ``1e2``."""
    number = to_number(value)
    if not number.is_integer():
        raise reject(show(value), "an integer", "Write an integer.")
    return int(number)


def to_flag(value: Any) -> bool:
    """``True`` / ``False`` (any case), also yes / no and on / off."""
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, str) else ""
    if text not in TRUE | FALSE:
        raise reject(show(value), "True, False", "Write True or False.")
    return text in TRUE


def to_list(value: Any) -> list[Any]:
    """A list, from itself or an expression such as ``(192, 192, 3)``."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, str):
        try:
            result = evaluate(value)
        except ExpressionError:
            result = None
        if isinstance(result, tuple):
            return list(result)
    remedy = "Put the values in brackets, such as [a, b]."
    raise reject(show(value), "a list", remedy)


def to_list_or_single(value: Any) -> list[Any]:
    """A list; one number alone is a list of one."""
    try:
        return to_list(value)
    except PydanticCustomError:
        return [value]


def to_path(value: Any) -> Path:
    """A file or folder; ``~`` is the home folder, relative paths start at the current folder."""
    text = to_text(value)
    if text.startswith(("http://", "https://")):
        raise reject(show(text), "a path on this machine", "Download it and give its path.")
    return Path(text).expanduser()


def to_paths(value: Any) -> Path | tuple[Path, ...]:
    """One file or folder, or a list of them."""
    return tuple(map(to_path, value)) if isinstance(value, list | tuple) else to_path(value)


def to_loose(value: Any) -> Any:
    """A value of unsaid type (arguments of callbacks, optimizers, augmentations).

    What is an expression becomes its value, ``None`` (any case) null, everything else stays text.
    Tuples become lists.
    """
    if isinstance(value, dict):
        return {str(key): to_loose(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_loose(item) for item in value]
    if isinstance(value, str):
        return _loose_text(value)
    return value


def _loose_text(text: str) -> Any:
    plain = not isinstance(text, Scalar) or text.plain
    if is_none(text) or (isinstance(text, Scalar) and text.is_empty):
        return None
    if plain and isinstance(text, Scalar) and text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    if text.lstrip().startswith("lambda "):
        return " ".join(text.split())
    try:
        result: Plain = evaluate(text)
    except ExpressionError:
        return str(text)
    return str(text) if isinstance(result, str) else to_loose(result)


def choice(literal: Any, **elsewhere: str) -> BeforeValidator:
    """A validator that takes one of a few names, in any case, and hints at the nearest.

    Args:
        literal: The ``Literal`` type with the names.
        elsewhere: Known names that are refused, each with what to do instead.
    """
    options = [str(option) for option in get_args(literal)]

    def validate(value: Any) -> str:
        text = to_text(value)
        for option in options:
            if option.lower() == text.lower():
                return option
        hint = elsewhere.get(text.lower(), near_name(text, options).strip())
        raise reject(show(text), ", ".join(options), hint or "Choose one of these.")

    return BeforeValidator(validate)


Text: TypeAlias = Annotated[str, BeforeValidator(to_text)]
Number: TypeAlias = Annotated[float, BeforeValidator(to_number), Field(allow_inf_nan=False)]
Whole: TypeAlias = Annotated[int, BeforeValidator(to_whole)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(to_flag)]
File: TypeAlias = Annotated[Path, BeforeValidator(to_path)]
Files: TypeAlias = Annotated[Path | tuple[Path, ...], BeforeValidator(to_paths)]
Positive: TypeAlias = Annotated[Number, Field(gt=0)]
NotNegative: TypeAlias = Annotated[Number, Field(ge=0)]
Share: TypeAlias = Annotated[Number, Field(ge=0, le=1)]
Count: TypeAlias = Annotated[Whole, Field(ge=1)]
Texts: TypeAlias = Annotated[tuple[Text, ...], BeforeValidator(to_list), Field(min_length=1)]
Pair: TypeAlias = Annotated[tuple[Number, Number], BeforeValidator(to_list)]
