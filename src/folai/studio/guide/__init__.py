"""The clip's own sound as a guide: heard, drawn, and measured as an envelope."""
