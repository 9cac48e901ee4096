"""Studies beside the papers' tables: labels, and how real the drawn faces are."""
