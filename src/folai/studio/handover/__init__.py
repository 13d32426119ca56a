"""What an editor's session takes: named Broadcast Wave files, and sessions that refer to them."""
