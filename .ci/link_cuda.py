"""Put the CUDA libraries that pip has installed where MXNet's own library looks for them: beside itself.

    python .ci/link_cuda.py SITE_PACKAGES [DRIVER]

libmxnet.so looks for its libraries in its own folder first (its RPATH is ${ORIGIN}); NVIDIA's packages put theirs into
nvidia/*/lib. Each of those gets a relative link in mxnet/, so that the environment needs no LD_LIBRARY_PATH. cuDNN 8.5 also opens
two by names without a version: libnvrtc.so, which is linked too, and libcuda.so, for want of which it ends the process: DRIVER is
the driver's libcuda.so.1, to be linked as that.
Needs the standard library alone; may be run again, and then renews the links.
"""

import os
import sys
from pathlib import Path

DRIVER_NAME = "libcuda.so"
COMPILER_NAME, COMPILERS = "libnvrtc.so", "libnvrtc.so.*"


def _link(link, target):
    """A link to ``target``; a file that is no link is MXNet's own, and stays."""
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(target)


def link(site, driver=None):
    """Link nvidia/*/lib/*.so* into mxnet/, both below ``site``, and ``driver`` as libcuda.so.

    Returns how many libraries of NVIDIA's were linked; FileNotFoundError where mxnet/ or all of them are missing.
    """
    site = Path(site)
    home, libraries = site / "mxnet", sorted(site.glob("nvidia/*/lib/*.so*"))
    for what, there in ((home, home.is_dir()), (site / "nvidia/*/lib/*.so*", libraries)):
        if not there:
            raise FileNotFoundError(f"{what} is missing")
    for old in home.iterdir():  # left from packages that are gone
        if old.is_symlink() and not old.exists():
            old.unlink()
    for library in libraries:
        _link(home / library.name, os.path.relpath(library, home))
        if library.match(COMPILERS):
            _link(home / COMPILER_NAME, library.name)
    if driver is not None:
        _link(home / DRIVER_NAME, os.path.abspath(driver))
    return len(libraries)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python .ci/link_cuda.py SITE_PACKAGES [DRIVER]")
    try:
        link(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"link_cuda: {error}")
