"""Recordings: a lesson with all its slices is one, and plays as one.

playlist   what of each slice is played, and where on the whole's time (no I/O)
view       recordings read from the database
page       the shelf, the film as data, downloads
film.js    one film out of slices in two video elements; recordings.js the player around it
"""
