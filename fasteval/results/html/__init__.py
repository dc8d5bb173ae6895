"""Pages: self-contained HTML files that need no network, in one look, safe against what models and data sets say.

A page is a Jinja template that extends `base.html`, styles and scripts that are written into it, and data that its
scripts read. Knows nothing of what a page is about.
"""

from __future__ import annotations

from fasteval.results.html.page import PageParts, compressed_data, json_data, parts_digest, render_page

__all__ = ["PageParts", "compressed_data", "json_data", "parts_digest", "render_page"]
