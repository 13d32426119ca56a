"""What each layer's sound passes through on its way to the mix: equaliser, pan and room."""
