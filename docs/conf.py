"""Sphinx's settings. make_site.py builds the site with them, once for each language."""

import sys
from pathlib import Path

import edgecls

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "edgecls"
release = edgecls.__version__
html_title = f"edgecls {release}"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "chinese_search",
    "command_pages",
    "contents",
    "http_addresses",
]
exclude_patterns = ["_build", "_extensions", "_static", "_templates", "locale"]
suppress_warnings = ["myst.strikethrough"]
nitpicky = True
default_role = "py:obj"  # `name` in a docstring is a link where that name is documented
nitpick_ignore_regex = [("py:.*", ".*")]  # signatures also name types of other packages, and internal ones

myst_heading_anchors = 4
smartquotes_action = "D"  # dashes alone
smartquotes_excludes = {"languages": [], "builders": []}

napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False

language = "en"
locale_dirs = ["locale"]
gettext_compact = False
gettext_location = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_context = {"languages": [("en", "English"), ("zh", "中文")], "folder": "en"}
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
