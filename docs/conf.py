"""How sphinx builds the documentation: ``make docs``."""

from peer import __version__

project = "difpeer"
release = version = __version__
copyright = "the difpeer authors"  # noqa: A001 - sphinx' name

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["build"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autosummary_generate = False  # numpydoc brings autosummary along
autodoc_typehints = "none"  # the docstrings say types with their shapes

html_theme = "furo"
html_title = "difpeer"
html_show_copyright = False
