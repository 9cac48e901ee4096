"""What every test runs under. The environment is set here, before anything imports MXNet, and subprocesses inherit it."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # results are bit-identical only at a fixed number of threads
os.environ["MXNET_SUBGRAPH_VERBOSE"] = "0"
os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"
os.environ["MXNET_CUDNN_AUTOTUNE_DEFAULT"] = "0"
os.environ["MPLBACKEND"] = "Agg"

from hypothesis import HealthCheck, settings  # noqa: E402

import gv  # noqa: E402, F401  (before MXNet, which some tests import first: gv.compat)

# No deadline and no complaint about slowness: the first call into MXNet loads it. Under CI the examples are the same every time.
QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("local", **QUIET)
settings.register_profile("ci", derandomize=True, **QUIET)
settings.load_profile("ci" if os.environ.get("CI") else "local")
