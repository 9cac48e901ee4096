"""From a raw data set, as its authors distribute it, to an index of faces (``gv.core.faces``). Needs no MXNet."""
