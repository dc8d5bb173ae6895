"""Pages: self-contained HTML files that need no network, in one look, safe against what models and data sets say.

A page is a Jinja template that extends `base.html`, styles and scripts that are written into it, and data that its
scripts read. Knows nothing of what a page is about.

Texts of models and data sets may hold anything, so three walls stand between them and the reader's browser: Jinja
escapes whatever a template shows; data are encoded so that no text in them can end their element, and scripts put
them into the page as text nodes only; and the page's Content-Security-Policy runs no script but those whose digests
it names, and loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.results.encoding import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

__all__ = ["PageParts", "compressed_data", "json_data", "parts_digest", "render_page"]
__all__ += ["template_environment"]

_FOLDER = Path(__file__).parent
_ASSETS = _FOLDER / "assets"
_STYLES = tuple(_ASSETS / f"{name}.css" for name in ("theme", "table", "samples", "dialog"))
_LIBRARY = _ASSETS / "datatables" / "dataTables.min.js"
_SCRIPTS = tuple(_ASSETS / f"{name}.js" for name in ("text", "data", "pictures", "theme", "table", "dialog"))
_EARLY_SCRIPT = _ASSETS / "early.js"
# What would end a script element, or open a comment that swallows its end.
_ENDS_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """What one kind of page adds to the base.

    Attributes:
        template: file of the Jinja template; it extends `base.html` and may include its neighbours.
        styles: CSS files, after the base's own.
        scripts: JavaScript files, after the base's own and in one scope with them.
    """

    template: Path
    styles: tuple[Path, ...] = ()
    scripts: tuple[Path, ...] = ()


def render_page(parts: PageParts, context: Mapping[str, Any], data: Mapping[str, str] | None = None) -> bytes:
    """Returns the page, UTF-8.

    Args:
        parts: what makes this kind of page.
        context: what the template shows; `title` is the page's title.
        data: by element id what scripts read: `json_data` or `compressed_data`.
    """
    from markupsafe import Markup

    page = _assets(parts) | {"data": {name: Markup(text) for name, text in (data or {}).items()}}  # noqa: S704 - without any "<"
    text = template_environment(parts.template.parent).get_template(parts.template.name).render(**context, page=page)
    # A lone surrogate, as broken answers have them, has no UTF-8.
    return text.encode("utf-8", "replace")


def json_data(value: Any) -> str:
    """Returns `value` as JSON that can stand in a script element whatever texts are in it."""
    return to_json(value).decode().replace("<", "\\u003c")


def compressed_data(value: Any) -> str:
    """Returns `value` as JSON, gzip and base64: what `readCompressed` in `data.js` reads. For large data."""
    return base64.b64encode(gzip.compress(to_json(value), compresslevel=6, mtime=0)).decode()


def parts_digest(parts: PageParts) -> str:
    """Returns what changes whenever the page's template, styles or scripts do (not the base's frame)."""
    assets = _assets(parts)
    texts = (parts.template.read_text("utf-8"), assets["style"], *assets["scripts"].values())
    return _sha256("\0".join(texts))


@functools.lru_cache(maxsize=8)
def _assets(parts: PageParts) -> dict[str, Any]:
    """Returns what is written into a page: all CSS, the scripts by place, and the policy that lets them run."""
    from markupsafe import Markup

    own = "\n".join(path.read_text("utf-8") for path in (*_SCRIPTS, *parts.scripts))
    scripts = {
        "early": _EARLY_SCRIPT.read_text("utf-8"),
        "library": _LIBRARY.read_text("utf-8"),
        "own": f'(() => {{\n"use strict";\n{own}\n}})();\n',
    }
    for place, text in scripts.items():
        if _ENDS_SCRIPT.search(text):
            raise ValueError(f"the {place} script of {parts.template.name} has a text that would end its element")
    digests = " ".join(f"'sha256-{_sha256(text)}'" for text in scripts.values())
    policy = (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    style = "\n".join(path.read_text("utf-8") for path in (*_STYLES, *parts.styles))
    shown = {place: Markup(text) for place, text in scripts.items()}  # noqa: S704 - files of this package
    return {"style": Markup(style), "scripts": shown, "policy": policy}  # noqa: S704 - the same


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.lru_cache(maxsize=8)
def template_environment(folder: Path) -> Environment:
    """Returns what loads the templates of a folder and the base's own, and escapes whatever they show."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, _FOLDER / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda value: f"{value:,}"
    return environment
