//! A laboratory: hosts of our own on a link of our own.
//!
//! Each host is a network namespace with one interface, [`INTERFACE`]; a bridge in one more
//! namespace is the link. Interfaces are born inside the namespaces and die with them, so nothing
//! here can reach an interface of the machine.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};

use crate::support::namespace::Namespace;

/// Hosts on one link; dropping it takes hosts and link away, after a panic too.
pub(crate) struct Lab {
    hosts: Vec<Host>,
    link: Namespace,
}

/// Which addresses the hosts of a laboratory have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Families {
    /// 192.0.2.x alone; IPv6 is switched off.
    V4,
    /// `fe80::` and `2001:db8::x`.
    V6,
    /// `fe80::` alone.
    LinkLocal,
    /// All of the above at once.
    Both,
}

/// One host of a [`Lab`].
pub(crate) struct Host {
    namespace: Namespace,
    name: &'static str,
    addresses: Vec<IpAddr>,
}

impl Lab {
    /// Builds `count` hosts on one link, or says on stderr why the system refuses and returns
    /// `None`: then the test has nothing to stand on and returns.
    ///
    /// # Panics
    ///
    /// When the system refuses and `CI` is set: a skipped test proves nothing there.
    pub(crate) fn new(count: usize, families: Families) -> Option<Self> {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(Namespace::sweep);

        match Self::build(count, families) {
            Ok(lab) => Some(lab),
            Err(why) => {
                refuse(&why);
                None
            }
        }
    }

    /// Returns the hosts by position, so that a test can name them:
    /// `let [alpha, beta] = lab.hosts();`
    pub(crate) fn hosts<const N: usize>(&self) -> [&Host; N] {
        let hosts: Vec<&Host> = self.hosts.iter().collect();
        hosts.try_into().unwrap_or_else(|hosts: Vec<_>| {
            panic!("{N} hosts wanted of a laboratory of {}", hosts.len())
        })
    }

    /// Pulls the cable of the first host (`down`), or plugs it in again (`up`).
    ///
    /// # Panics
    ///
    /// When the system refuses.
    pub(crate) fn set_cable(&self, state: &str) {
        self.link
            .ip(&format!("link set port0 {state}"))
            .unwrap_or_else(|why| panic!("{why}"));
    }

    fn build(count: usize, families: Families) -> Result<Self, String> {
        static LABS: AtomicUsize = AtomicUsize::new(0);
        let lab = LABS.fetch_add(1, Ordering::Relaxed);

        let link = Namespace::new(lab, "link")?;
        // The link has no voice of its own.
        link.set("ipv6/conf/all/disable_ipv6", "1")?;
        link.ip("link add bridge type bridge stp_state 0 mcast_snooping 0")?;
        // Where the module is loaded, each frame would pass a firewall that has no rules.
        let _ = link.set("bridge/bridge-nf-call-iptables", "0");
        link.ip("link set bridge up")?;
        let hosts = (0..count)
            .map(|index| Host::build(lab, index, families, &link))
            .collect::<Result<_, _>>()?;
        Ok(Self { hosts, link })
    }
}

impl Host {
    /// Returns the first label of its host name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns its addresses on [`INTERFACE`], the widest scope first.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns the first address, IPv4 where it has one.
    pub(crate) fn address(&self) -> IpAddr {
        self.addresses[0]
    }

    /// Returns a command that runs `program` on this host, under its host name, with the
    /// process id that the command is spawned with.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", self.namespace.name()])
            .args(["unshare", "--uts", "sh", "-c"])
            .arg("hostname \"$0\" && exec \"$@\"")
            .arg(self.name)
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// Runs `ip` on the host.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub(crate) fn ip(&self, arguments: &str) {
        self.namespace
            .ip(arguments)
            .unwrap_or_else(|why| panic!("{}: {why}", self.name));
    }

    /// Joins this host and another by one more link, of theirs alone: `interface` on both, with
    /// 198.51.100.1 here and .2 there.
    ///
    /// # Panics
    ///
    /// When the system refuses.
    pub(crate) fn join(&self, other: &Self, interface: &str) {
        let there = other.namespace.name();
        self.ip(&format!(
            "link add {interface} type veth peer name {interface} netns {there}"
        ));
        for (host, number) in [(self, 1), (other, 2)] {
            host.ip(&format!("addr add 198.51.100.{number}/24 dev {interface}"));
            host.ip(&format!("link set {interface} up"));
        }
    }

    /// Does `work` on a thread of this process that stands on the host.
    ///
    /// A socket opened there stays there, whoever uses it afterwards.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.namespace.path()).expect("the lab holds the namespace");
        let moved = thread::scope(|scope| {
            scope
                .spawn(|| {
                    setns(&namespace, CloneFlags::CLONE_NEWNET).expect("we made the namespace");
                    work()
                })
                .join()
        });
        moved.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    fn build(
        lab: usize,
        index: usize,
        families: Families,
        link: &Namespace,
    ) -> Result<Self, String> {
        let name = NAMES[index];
        let namespace = Namespace::new(lab, name)?;
        for which in ["all", "default"] {
            let off = u8::from(families == Families::V4);
            namespace.set(&format!("ipv6/conf/{which}/disable_ipv6"), &off.to_string())?;
            if off == 0 {
                // Nobody else can have the address; waiting two seconds to be sure is wasted.
                namespace.set(&format!("ipv6/conf/{which}/accept_dad"), "0")?;
            }
        }
        let ends = format!(
            "link add port{index} type veth peer name {INTERFACE} netns {}",
            namespace.name()
        );
        link.ip(&ends)?;
        link.ip(&format!("link set port{index} master bridge up"))?;
        namespace.ip("link set lo up")?;
        namespace.ip(&format!("link set {INTERFACE} up"))?;

        let mut host = Self {
            namespace,
            name,
            addresses: Vec::new(),
        };
        let number = u8::try_from(index + 1).expect("there are few names");
        host.give_addresses(number, families)?;
        Ok(host)
    }

    fn give_addresses(&mut self, number: u8, families: Families) -> Result<(), String> {
        if matches!(families, Families::V4 | Families::Both) {
            let v4 = Ipv4Addr::new(192, 0, 2, number);
            self.namespace
                .ip(&format!("addr add {v4}/24 dev {INTERFACE}"))?;
            self.namespace
                .ip(&format!("route add 224.0.0.0/4 dev {INTERFACE}"))?;
            self.addresses.push(v4.into());
        }
        if matches!(families, Families::V6 | Families::Both) {
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into());
            self.namespace
                .ip(&format!("addr add {v6}/64 dev {INTERFACE} nodad"))?;
            self.addresses.push(v6.into());
        }
        if families != Families::V4 {
            self.addresses.push(self.link_local()?.into());
        }
        Ok(())
    }

    /// Waits until the kernel has given the interface its link-local address.
    fn link_local(&self) -> Result<Ipv6Addr, String> {
        let show = format!("-6 -oneline addr show dev {INTERFACE} scope link -tentative");
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            // Each look is a process of its own, so the loop does not spin.
            let listed = self.namespace.ip(&show)?;
            let address = listed
                .split_whitespace()
                .find_map(|word| word.strip_suffix("/64")?.parse().ok());
            if let Some(address) = address {
                return Ok(address);
            }
            if Instant::now() > deadline {
                return Err(format!("{} got no link-local address", self.name));
            }
        }
    }
}

/// Says why the tests cannot run here, past the capture of the test runner, so that it is seen.
pub(crate) fn refuse(why: &str) {
    assert!(
        env::var_os("CI").is_none(),
        "nothing may be skipped in CI: {why}"
    );
    let test = thread::current();
    let name = test.name().unwrap_or("a test");
    // Nobody reads stderr? Then nobody misses the line.
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {why}");
}

/// The one interface of every host, beside `lo`.
pub(crate) const INTERFACE: &str = "lab0";
const NAMES: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];
