"""MQTT: what the daemon does, as retained topics for a school's own automation, and a few orders from there.

topics     the names
messages   the daemon's view as retained messages; Home Assistant's discovery
orders     what may be asked for, by topic and configuration
bridge     the connection to the broker
"""
