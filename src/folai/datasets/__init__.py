"""Published data sets, and folders of clips, made into what training and evaluation read."""
