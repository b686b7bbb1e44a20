"""Publishes one service with python-zeroconf and prints what happens as JSON lines.

usage: publish.py NAME TYPE PORT HOST ADDRESS WHERE [KEY=VALUE]...

WHERE chooses the family, as in browse.py. Withdraws the service and ends on SIGTERM.
"""

import signal
import socket
import sys

from zeroconf import ServiceInfo

from station import open_zeroconf, say


def main():
    name, service_type, port, host, address, where = sys.argv[1:7]
    # Taken by sigwait below; blocked before zeroconf starts its thread, which inherits the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    service = ServiceInfo(
        f"{service_type}.local.",
        f"{name}.{service_type}.local.",
        addresses=[socket.inet_pton(family, address)],
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


main()
