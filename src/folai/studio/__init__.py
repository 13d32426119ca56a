"""The studio: a page in the browser to see the envelope over the picture, bend it, and hear it."""
