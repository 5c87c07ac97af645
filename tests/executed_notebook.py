"""Executing the notebooks of examples/ in a folder of their own. As a program, it stores the outputs in the notebook:

python tests/executed_notebook.py examples/first_model.ipynb
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

__all__ = ["executed"]

LIMIT_S = 600  # for one cell


def executed(notebook: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook as it is after all its cells have run in `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell has failed.
    """
    # Older kernels do not isolate the parts of their debugger, and warn in every notebook.
    environment = os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "EDGECLS_OFFLINE": "1"}
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content,
        timeout=LIMIT_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env=environment)


def _stored(notebook: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = executed(notebook, Path(folder))
    content.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(content, notebook)


if __name__ == "__main__":
    _stored(Path(sys.argv[1]))
