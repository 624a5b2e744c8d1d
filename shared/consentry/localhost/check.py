"""Check a function app as the platform would, without starting anything.

Microsoft's worker library validates every decorator, then this host its own rules and those of
the Flex Consumption plan. ``python -m consentry.localhost.check APP`` prints each function with
its trigger and exits 0, or prints the reason to standard error and exits 1.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from consentry.errors import LocalStackError
from consentry.localhost.azurite import Azurite
from consentry.localhost.engine import AppError, load
from consentry.localhost.environment import stack_settings, worker_environment
from consentry.localhost.functions import Function, validate
from consentry.localhost.hostjson import HostJson


def check_app(root: Path, app: Path) -> tuple[bool, str]:
    """Check an app in a process of its own, with the settings of a local stack.

    Gives whether it can run, and the list of its functions or the reason. Storage need not run.
    """
    settings = stack_settings(root, Azurite(root), ("contoso",))
    finished = subprocess.run(  # noqa: S603 (this module)
        [sys.executable, "-m", "consentry.localhost.check", str(app.resolve())],
        env=worker_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode == 0:
        return True, finished.stdout.rstrip()
    return False, finished.stderr.rstrip()


async def describe(app: Path) -> list[str]:
    """Load and check an app in this process, which can be done once; a line for each function.

    Raises AppError or LocalStackError with the reason when the app cannot run.
    """
    settings = HostJson.read(app)
    functions = [Function.from_worker(item) for item in await load(app)]
    validate(functions, settings.route_prefix)
    width = max(len(function.name) for function in functions)
    return [f"{f.name:<{width}}  {f.describe(settings.route_prefix)}" for f in functions]


def main() -> int:
    """Check the app named on the command line."""
    try:
        lines = asyncio.run(describe(Path(sys.argv[1]).resolve()))
    except (AppError, LocalStackError) as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command's output)
        return 1
    print("\n".join(lines))  # noqa: T201 (a command's output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
