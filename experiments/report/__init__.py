"""Everything that turns records into pages: the report, and docs/RESULTS.md."""
