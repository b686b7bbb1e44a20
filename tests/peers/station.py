"""What browse.py and publish.py share: the sockets' family, and how a line is printed."""

import json
import socket
import sys

from zeroconf import IPVersion, Zeroconf


def open_zeroconf(where):
    """Opens zeroconf on addresses (IPv4) and on interfaces (IPv6), with commas between them."""
    places = [
        place if place[0].isdigit() else socket.if_nametoindex(place)
        for place in where.split(",")
    ]
    versions = {str: IPVersion.V4Only, int: IPVersion.V6Only}
    kinds = {type(place) for place in places}
    version = IPVersion.All if len(kinds) > 1 else versions[kinds.pop()]
    return Zeroconf(interfaces=places, ip_version=version)


def say(**event):
    # One write a line, since two threads may have something to say.
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
