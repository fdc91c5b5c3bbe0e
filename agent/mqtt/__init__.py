"""MQTT: what the daemon does, as retained topics for a school's own automation, and a few orders from there.

topics     the names
messages   the daemon's view as retained messages
discovery  how Home Assistant is told of them
news       what just happened, until the broker has it
orders     what may be asked for, by topic and configuration
client     a connection to a broker, and why it ended
session    what goes over one connection
bridge     the connections, one after the other
"""
