"""Studies beside the papers' tables: how real the drawn faces are, rates, full sizes, two MXNets side by side."""
