"""The site that `make docs` builds of docs/, and of the tables in reports/ that it links to."""

project = "BlocTrain, reproducible"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "reports/benchmark/*.md", "reports/tables/*.md", "reports/published/*/*.md", "CHANGELOG.md"]
html_theme = "furo"
html_title = project
html_show_copyright = False
html_show_sourcelink = False
default_role = "code"  # docstrings put names in single backticks
myst_heading_anchors = 4
copybutton_prompt_text = "$ "
autodoc_member_order = "bysource"


def setup(app):
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _as_it_is)


def _as_it_is(app, what, name, obj, options, lines):
    """Docstrings write |x| for a magnitude, which is a substitution to Sphinx."""
    lines[:] = [line.replace("|", r"\|") for line in lines]
