//! Asks one question after the other, with so many open at a time, and counts the answers.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use crate::packets;
use crate::packets::GROUP;
use crate::packets::PORT;
use crate::packets::Way;
use crate::subject;
use crate::support::Host;

/// A socket that asks, on its host's link wherever it is used from.
pub(crate) struct Asker {
    socket: UdpSocket,
}

/// What one question brings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// In the answer section of all its packets together.
    pub(crate) records: usize,
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
}

/// What many questions brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Questions without an answer: each made the window smaller.
    pub(crate) unanswered: usize,
    pub(crate) answers: f64,
    /// From the first question to the last answer.
    pub(crate) took: Duration,
}

impl Asker {
    pub(crate) fn on(host: &Host, way: Way) -> Self {
        let address = subject::v4(host);
        let port = match way {
            Way::Legacy => 0,
            Way::Unicast => PORT,
        };
        let socket = host.inside(|| open(address, port));
        let socket = socket.expect("the host is ours");
        Self { socket }
    }

    /// Has each of these answers multicast, so that questions for it are answered by unicast from
    /// then on. RFC 6762 §5.4.
    pub(crate) fn prepare(&self, questions: &[Vec<u8>]) {
        for question in questions {
            self.send(question);
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_millis(300));
        self.wait_at_most(Duration::from_millis(10));
        while self.receive(&mut [0; PACKET_BYTES_MAX]).is_some() {}
    }

    /// Asks once, and listens until nothing has come for `silence`.
    pub(crate) fn ask_once(&self, question: &[u8], silence: Duration) -> Answer {
        self.wait_at_most(silence);
        self.send(question);
        let (mut answer, mut buffer) = (Answer::default(), [0; PACKET_BYTES_MAX]);
        while let Some(packet) = self.receive(&mut buffer) {
            let records = packets::answers(packet);
            answer.records += records;
            answer.packets += usize::from(records > 0);
            answer.bytes += packet.len();
        }
        answer
    }

    /// Asks once, and says whether an answer came within `within`.
    pub(crate) fn is_answered(&self, question: &[u8], within: Duration) -> bool {
        self.send(question);
        let (deadline, mut buffer) = (Instant::now() + within, [0; PACKET_BYTES_MAX]);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.wait_at_most(left);
            match self.receive(&mut buffer) {
                Some(packet) if packets::answers(packet) > 0 => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Asks these questions in turn for `lasting`, or [`QUESTIONS_MAX`] of them, `window` open at a
    /// time, and counts the answers, each of so many `records`. What has not come after `silence`
    /// is lost, and another question is asked for it. Waits for the last answers.
    pub(crate) fn ask_for(
        &self,
        lasting: Duration,
        questions: &[Vec<u8>],
        window: usize,
        records: usize,
        silence: Duration,
    ) -> Asked {
        self.wait_at_most(silence);
        let (start, mut last) = (Instant::now(), Instant::now());
        let mut buffer = [0; PACKET_BYTES_MAX];
        // Questions and lost answers in records, as answers come in several packets.
        let (mut asked, mut came, mut lost) = (0, 0, 0);
        let mut asking = true;
        loop {
            while asking && asked * records + records <= came + lost + window * records {
                self.send(&questions[asked % questions.len()]);
                asked += 1;
                asking = asked < QUESTIONS_MAX;
            }
            if !asking && came + lost >= asked * records {
                break;
            }
            if start.elapsed() > lasting + DRAINED_MAX {
                break;
            }
            match self.receive(&mut buffer) {
                Some(packet) => {
                    came += packets::answers(packet);
                    last = Instant::now();
                    asking &= last - start < lasting;
                }
                None if asking && start.elapsed() < lasting => {
                    lost = (asked * records).saturating_sub(came);
                }
                None => break,
            }
        }
        Asked {
            unanswered: asked.saturating_sub(came / records),
            answers: came as f64 / records as f64,
            took: last - start,
        }
    }

    fn send(&self, packet: &[u8]) {
        self.socket
            .send_to(packet, (GROUP, PORT))
            .expect("the link takes questions");
    }

    fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let length = self.socket.recv(buffer).ok()?;
        Some(&buffer[..length])
    }

    fn wait_at_most(&self, time: Duration) {
        self.socket
            .set_read_timeout(Some(time))
            .expect("not a wait of zero");
    }
}

/// Opens a socket on port 5353 that is a member of the group.
pub(crate) fn open_member(address: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = open(address, PORT)?;
    socket.join_multicast_v4(&GROUP, &address)?;
    Ok(socket)
}

/// Opens a socket that sends to the group, and hears what is sent to it alone.
fn open(address: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_multicast_if_v4(&address)?;
    socket.set_multicast_loop_v4(false)?;
    // What is lost is to be lost by who is measured, not here.
    socket.set_recv_buffer_size(8 << 20)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    Ok(socket.into())
}

/// Fewer than Beacon takes in from one source in one second, by default: what is above that is
/// dropped unread, and the window is smaller from then on.
const QUESTIONS_MAX: usize = 30_000;
/// Who answers a question in a third of a second is not waited for until the end.
const DRAINED_MAX: Duration = Duration::from_secs(2);
const PACKET_BYTES_MAX: usize = 65_535;
