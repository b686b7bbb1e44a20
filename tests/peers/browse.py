"""Browses for a service type with python-zeroconf and prints what happens as JSON lines.

usage: browse.py TYPE WHERE

TYPE is `_ipp._tcp`. WHERE chooses the family: an IPv4 address of this host means IPv4 alone, the
name of an interface means IPv6 alone on it, and both with a comma between them mean both. The lines
are those of `beacon browse --json`, so that one reader in the tests understands both. Ends cleanly
on SIGTERM.
"""

import queue
import signal
import sys

from zeroconf import ServiceBrowser, ServiceStateChange

from station import open_zeroconf, say

RESOLVE_MILLISECONDS = 3000


def main():
    service_type, where = sys.argv[1], sys.argv[2]
    to_resolve = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: to_resolve.put(None))

    def changed(zeroconf, service_type, name, state_change):
        # On zeroconf's own thread: a removal is told at once, though something is being resolved.
        plain = {"name": name.removesuffix(f".{service_type}"), "type": sys.argv[1]}
        if state_change is ServiceStateChange.Removed:
            say(event="removed", **plain)
            return
        if state_change is ServiceStateChange.Added:
            say(event="found", **plain)
        to_resolve.put((name, plain))

    zeroconf = open_zeroconf(where)
    browser = ServiceBrowser(zeroconf, f"{service_type}.local.", handlers=[changed])
    while (wanted := to_resolve.get()) is not None:
        resolve(zeroconf, f"{service_type}.local.", *wanted)
    browser.cancel()
    zeroconf.close()


def resolve(zeroconf, service_type, full_name, plain):
    info = zeroconf.get_service_info(service_type, full_name, timeout=RESOLVE_MILLISECONDS)
    if info is None:
        return
    say(
        event="resolved",
        **plain,
        host=info.server,
        port=info.port,
        addresses=info.parsed_addresses(),
        txt=info.decoded_properties,
    )


main()
