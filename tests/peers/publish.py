"""Publishes one service with python-zeroconf and prints what happens as JSON lines.

usage: publish.py NAME TYPE PORT HOST ADDRESSES WHERE [KEY=VALUE]...

ADDRESSES have commas between them. WHERE chooses the family, as in browse.py. Withdraws the service
and ends on SIGTERM.
"""

import signal
import socket
import sys

from zeroconf import ServiceInfo

from station import open_zeroconf, say


def main():
    name, service_type, port, host, addresses, where = sys.argv[1:7]
    # Taken by sigwait below; blocked before zeroconf starts its thread, which inherits the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    service = ServiceInfo(
        f"{service_type}.local.",
        f"{name}.{service_type}.local.",
        addresses=[packed(address) for address in addresses.split(",")],
        port=int(port),
        properties=dict(pair.split("=", 1) for pair in sys.argv[7:]),
        server=f"{host}.local.",
    )
    zeroconf = open_zeroconf(where)
    zeroconf.register_service(service)
    say(event="announced", name=name)
    signal.sigwait({signal.SIGTERM})
    zeroconf.unregister_service(service)
    zeroconf.close()
    say(event="goodbye", name=name)


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


main()
