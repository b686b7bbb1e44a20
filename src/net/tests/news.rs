//! News of interfaces and addresses, heard by the poll.

use std::error::Error;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::{MsgFlags, NetlinkAddr, getsockname, sendto};

use crate::net::netlink;
use crate::net::tests::fixture::{interface, make_links};
use crate::net::tests::namespace::{in_namespace, ip};
use crate::net::{Meters, News, Watch};

#[test]
fn whatever_happens_to_an_interface_is_news() {
    in_namespace(|| {
        make_links(1);
        let mut listener = Listener::start()?;
        let a0 = interface("a0").index;

        for change in [
            "link set a0 down",
            "link set a0 up",
            "link set a0 multicast off",
            "link set a0 mtu 1400",
            "addr add 10.5.5.5/24 dev a0",
            "addr del 10.5.5.5/24 dev a0",
            "addr add 2001:db8::5/64 dev a0",
            "addr del 2001:db8::5/64 dev a0",
            "link set b0 down", // the carrier of a0
        ] {
            ip(change);
            assert!(listener.hears(News::Changed(a0))?, "{change}");
        }
        Ok(())
    });
}

#[test]
fn a_new_interface_is_news_and_so_is_a_removed_one() {
    in_namespace(|| {
        let mut listener = Listener::start()?;

        ip("link add a0 type veth peer name b0");
        let index = interface("a0").index;
        assert!(listener.hears(News::Changed(index))?);
        ip("link del a0");

        assert!(listener.hears(News::Removed(index))?);
        Ok(())
    });
}

#[test]
fn an_interface_that_leaves_a_bridge_is_not_removed() {
    in_namespace(|| {
        ip(
            "link add br0 type bridge\nlink add a0 type veth peer name b0\n\
            link set a0 master br0\nlink set br0 up\nlink set a0 up\nlink set b0 up",
        );
        let mut listener = Listener::start()?;
        let (a0, br0) = (interface("a0").index, interface("br0").index);

        ip("link set a0 nomaster\nlink del br0");
        assert!(listener.hears(News::Removed(br0))?);

        assert!(listener.heard.contains(&News::Changed(a0)));
        assert!(!listener.heard.contains(&News::Removed(a0)));
        Ok(())
    });
}

#[test]
fn news_that_come_too_fast_are_told_as_lost_and_the_next_are_heard() {
    in_namespace(|| {
        make_links(1);
        let mut listener = Listener::start()?;
        socket2::SockRef::from(&listener.watch).set_recv_buffer_size(1)?;
        let flood = |n| format!("link set a0 mtu {}\n", 1300 + n);
        ip(&(0..50).map(flood).collect::<String>());

        assert!(listener.hears(News::Lost)?);

        assert!(listener.meters.news_lost.value() > 0);
        ip("link set a0 mtu 1500");
        assert!(listener.hears(News::Changed(interface("a0").index))?);
        Ok(())
    });
}

#[test]
fn what_another_process_says_is_no_news() {
    in_namespace(|| {
        make_links(1);
        let mut listener = Listener::start()?;
        let ours: NetlinkAddr = getsockname(listener.watch.as_fd().as_raw_fd())?;
        let liar = netlink::open(0)?;
        let mut lie = [0; 32]; // interface 4711 was deleted
        for (at, word) in [(0, 32), (4, 17), (20, 4711_u32)] {
            lie[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }

        let to_us = NetlinkAddr::new(ours.pid(), 0);
        sendto(liar.as_raw_fd(), &lie, &to_us, MsgFlags::empty())?;
        ip("link set a0 mtu 1400");

        assert!(listener.hears(News::Changed(interface("a0").index))?);
        assert!(!listener.heard.contains(&News::Removed(4711)));
        Ok(())
    });
}

/// A watch on a poll of its own.
struct Listener {
    watch: Watch,
    meters: Arc<Meters>,
    poll: Poll,
    heard: Vec<News>,
}

impl Listener {
    fn start() -> Result<Self, Box<dyn Error>> {
        let meters = Arc::new(Meters::default());
        let mut watch = Watch::open(Arc::clone(&meters))?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut watch, Token(0), Interest::READABLE)?;
        Ok(Self {
            watch,
            meters,
            poll,
            heard: Vec::new(),
        })
    }

    /// Says whether `wanted` is heard before the deadline, among what comes from here on.
    fn hears(&mut self, wanted: News) -> Result<bool, Box<dyn Error>> {
        let mut news = Vec::new();
        while !news.contains(&wanted) {
            if !self.read(&mut news)? {
                return Ok(false);
            }
        }
        self.heard.append(&mut news);
        Ok(true)
    }

    /// Waits for news and reads them; `false` when none came in time.
    fn read(&mut self, news: &mut Vec<News>) -> Result<bool, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut events = Events::with_capacity(4);
        while events.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.poll.poll(&mut events, Some(left))?;
        }
        self.watch.read(|item| news.push(item))?;
        Ok(true)
    }
}
