"""How well the models do, and any other systems: scores, experiments, reports, listening tests."""
