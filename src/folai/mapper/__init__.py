"""Pictures to envelope: flow, features and the RMS-Mapper run over any length."""
