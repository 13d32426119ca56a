"""A report on one page: sections of tables, charts, pictures and players."""
