"""Recorders (agents) and their channels.

page      all of them, with their channels, and how another PC is enrolled
settings  one recorder's settings
channel   one channel, or a new one
"""
