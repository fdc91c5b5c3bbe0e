"""The configuration: `model` says what there is, `load` reads it and reports every problem at once."""
