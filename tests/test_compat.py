"""Stand-ins for packages that are slow or noisy to import."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import sys
import lowend
print([name for name in ("laion_clap", "spacy") if hasattr(sys.modules[name], "a_name_that_a_pickler_looks_for")])
print("transformers" in sys.modules, hasattr(sys.modules["spacy"], "load"), "thinc" in sys.modules)
"""


def test_only_what_is_used_of_a_package_imports_it() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["[]", "False True True"]
