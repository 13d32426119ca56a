"""Sound without a trained model: events and grains, or modal impacts, laid along an envelope."""
