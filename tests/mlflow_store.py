"""A local MLflow store for tests; those that use it are left out where MLflow is not installed."""

import importlib.util
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None and "EDGECLS_REQUIRE_MLFLOW" not in os.environ,
    reason="MLflow is not installed",
)
quiet_mlflow = pytest.mark.filterwarnings("ignore")
"""MLflow uses what SQLAlchemy and others have declared outdated."""


def new_store(folder: Path, template: Path) -> str:
    """Return the URI of a new and empty database in a folder.

    Args:
        folder: Where it goes.
        template: A folder that lasts longer; the first database, whose tables take seconds to make, stays there.
    """
    first = template / "first.db"
    if not first.exists():
        from edgecls.tracking import connect

        connect(f"sqlite:///{first}", experiment="none", on_fault=pytest.fail)
    shutil.copy(first, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def rename_table(folder: Path, name: str, new_name: str) -> None:
    """Rename a table of the database in a folder; without it, the store fails at once."""
    database = sqlite3.connect(folder / "mlflow.db")
    try:
        database.execute("PRAGMA legacy_alter_table = ON")
        database.execute(f"ALTER TABLE {name} RENAME TO {new_name}")
        database.commit()
    finally:
        database.close()
