# SPDX-License-Identifier: MIT OR Apache-2.0
"""A network of a test's own (unshare -n, root), so that nothing leaves the machine and no port is taken."""
import os
import pathlib
import shutil
import subprocess
import sys


def alone(test, needs, addresses):
    """The program of the node and an empty folder, by the test's arguments, in a network that has these addresses; ends
    the test where that can't be had."""
    program, work = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
    missing = [name for name in needs if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None]
    if missing or os.geteuid() != 0:
        print(f"{test}: left out, there is no {' and no '.join(missing) or 'root'}", file=sys.stderr)
        sys.exit()
    if "INNER" not in os.environ:
        os.execvpe("unshare", ["unshare", "-n", sys.executable, *sys.argv], {**os.environ, "INNER": "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in addresses:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return program, work
