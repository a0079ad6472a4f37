"""HTML pages from this folder's templates: one file each, no network, light and dark."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render_page(template: str, **values: Any) -> str:
    """Fill a template of this folder; `css` is the common style sheet."""
    environment = Environment(
        loader=PackageLoader("goodfit.landscape", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    css = Markup((Path(__file__).parent / "page.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(css=css, **values)
