"""Live: an agent publishes FLV, viewers get it from its last key frame on, and it is asked to while somebody looks.

flv        tags in, tags out (no I/O)
fanout     one channel: its publisher, its viewers, what waits for whom (no I/O)
watch      when the agent is asked to push, and when to stop (no I/O)
channels   all channels, and the task that asks their agents
publish    `POST /gather/v1/live/{camera_id}`
view       `GET /live/{ticket}.flv`, by HTTP and by websocket
player     the page that plays it
"""
