"""A first guess from the picture: which materials a clip's contacts may be on."""
