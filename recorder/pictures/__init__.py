"""Pictures out of packets, and what is seen in them: `pictures` makes them, `looks` has a look, `watching` judges."""
