"""A report that a person reads: sections of tables, charts, pictures and players, on one page."""
