"""Where the studio listens, unless it is told otherwise."""

LOCAL = "127.0.0.1"
PORT = 8765
