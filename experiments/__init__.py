"""One script a table or figure of the two papers, and the harness that runs them."""

import gv  # noqa: F401  (gv.compat, before anything here imports MXNet)
