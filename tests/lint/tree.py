"""The files of the source tree, for the checks: what is built, hidden or installed is left out."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*suffixes):
    """Every file with one of the suffixes (all, if none is given), sorted."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders
                      if not name.startswith((".", "build")) and name not in ("node_modules", "__pycache__")]
        found += [pathlib.Path(folder, name) for name in names]
    return sorted(file for file in found if not suffixes or file.suffix in suffixes)


def name(file):
    """A file as people write it: from the root of the tree."""
    return str(file.relative_to(ROOT))


def finish(check, faults, checked):
    """Tells the faults and ends the program: 0 where there are none, else 1."""
    for fault in faults:
        print(f"{check}: {fault}")
    print(f"{check}: {checked} checked, {len(faults)} faults")
    sys.exit(1 if faults else 0)
