"""What browse.py and publish.py share: the sockets' family, and how a line is printed."""

import json
import socket
import sys

from zeroconf import IPVersion, Zeroconf


def open_zeroconf(where):
    """Opens zeroconf on one address (IPv4 alone) or on one interface (IPv6 alone)."""
    if where[0].isdigit():
        return Zeroconf(interfaces=[where], ip_version=IPVersion.V4Only)
    return Zeroconf(interfaces=[socket.if_nametoindex(where)], ip_version=IPVersion.V6Only)


def say(**event):
    # One write a line, since two threads may have something to say.
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
