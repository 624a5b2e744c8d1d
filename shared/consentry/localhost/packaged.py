"""Start a worker that sees only what a deployable package holds.

Run as a script, isolated and without site-packages (``python -I -S packaged.py APP
DESCRIPTOR``): dependencies and the service come from the package, as in Azure; of this checkout
only the development host's own side of the worker is added.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

DEPENDENCIES = ".python_packages/lib/site-packages"  # where Azure's worker looks for them


def main() -> None:
    """Arrange what can be imported, then run the worker."""
    app = Path(sys.argv[1])
    sys.path += [str(app / DEPENDENCIES), str(app)]
    here = Path(__file__).parent
    spec = spec_from_file_location(
        "consentry.localhost", here / "__init__.py", submodule_search_locations=[str(here)]
    )
    if spec is None or spec.loader is None:
        raise ImportError("the development host cannot be imported")
    host = module_from_spec(spec)
    sys.modules[spec.name] = host
    spec.loader.exec_module(host)

    from consentry.localhost.engine import main as run

    run()


if __name__ == "__main__":
    main()
