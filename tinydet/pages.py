"""Pages from the templates of the package."""

from collections.abc import Callable, Mapping
from typing import Any


def render(
    template: str,
    context: Mapping[str, Any],
    filters: Mapping[str, Callable[..., str]] | None = None,
    *,
    folder: str = "templates",
) -> str:
    """A page in which every text is escaped, and a name that is not known is an error.

    Args:
        template: File name.
        context: Its names.
        filters: Functions that it calls by name.
        folder: Of the template, in the package.

    Returns:
        The page. A file name may hold bytes that are not UTF-8 (lone surrogates): they are shown
        as question marks.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tinydet", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    page = environment.get_template(template).render(context)
    return page.encode("utf-8", "replace").decode("utf-8")
