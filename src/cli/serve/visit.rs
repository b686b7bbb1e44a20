//! One client, from his first byte to his last.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::stop::Stop;
use beacon::stop::Wake;
use mio::net::TcpStream;

use crate::cli::serve::House;
use crate::cli::serve::client::Client;
use crate::cli::serve::connection::Connection;
use crate::cli::serve::door::turn_away;
use crate::cli::serve::http;
use crate::cli::serve::http::HEAD_BYTES_MAX;
use crate::cli::serve::http::Request;
use crate::cli::serve::http::Status;
use crate::cli::serve::pages;
use crate::cli::serve::pulse::WRITE_WITHIN;

/// Answers a client. What goes wrong is his, and ends only this.
pub(crate) fn run(house: &Arc<House>, socket: TcpStream, peer: SocketAddr, stop: &Stop) {
    match Connection::new(socket) {
        Ok(connection) => match serve(house, connection, peer, stop) {
            Ok(()) => {}
            Err(error) => log::debug!("{peer}: {error}"),
        },
        Err((socket, error)) => {
            log::debug!("{peer} is sent away: {error}");
            turn_away(house, socket, Status::Unavailable);
        }
    }
}

fn serve(
    house: &Arc<House>,
    mut connection: Connection,
    peer: SocketAddr,
    stop: &Stop,
) -> io::Result<()> {
    let _cancelled = stop.wakes(Arc::clone(connection.waker()));
    let _leaving = house.leaving.wakes(Arc::clone(connection.waker()));
    // A page of somebody else, open in a browser here, may ask as well: the browser tells whose it
    // is. RFC 6455 §10.2.
    let (head_only, response) = match read_request(house, &mut connection, stop)? {
        Ok(request) if request.is_foreign() => (request.head_only, Status::Forbidden.into()),
        Ok(request) if request.path == FEED => match upgrade(&request) {
            Ok(switch) => {
                house.answered.count(Status::Upgraded);
                connection.write_whole(&switch, &stop.within(WRITE_WITHIN))?;
                return tell(house, connection, &request, stop);
            }
            Err(status) => (request.head_only, status.into()),
        },
        Ok(request) => (request.head_only, pages::answer(house, &request, peer)),
        Err(refusal) => (refusal.head_only, refusal.status.into()),
    };
    house.answered.count(response.status);
    let bytes = response.bytes(head_only);
    connection.write_whole(&bytes, &stop.within(WRITE_WITHIN))?;
    // What he has not taken when we leave is on its way to him all the same.
    connection.close(&house.leaving);
    Ok(())
}

/// Why a request is not answered.
struct Refusal {
    status: Status,
    /// Whether only the head of the answer is wanted.
    head_only: bool,
}

/// Reads the head of a request, or finds out why to refuse it. Once we leave nobody begins to ask.
fn read_request(
    house: &House,
    connection: &mut Connection,
    stop: &Stop,
) -> io::Result<Result<Request, Refusal>> {
    let in_time = house.leaving.within(HEAD_WITHIN);
    let mut bytes = [0; HEAD_BYTES_MAX];
    let mut length = 0;
    let status = loop {
        length += match connection.read_some(&mut bytes[length..], &in_time) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                if house.leaving.is_stopped() || stop.is_stopped() {
                    return Err(error);
                }
                break Status::TooSlow;
            }
            Err(error) => return Err(error),
        };
        match Request::read(&bytes[..length]) {
            Ok(None) => {}
            Ok(Some(request)) if !request.is_for(&house.listened) => break Status::Misdirected,
            Ok(Some(request)) => return Ok(Ok(request)),
            Err(status) => break status,
        }
    };
    let head_only = http::begins_as_head(&bytes[..length]);
    Ok(Err(Refusal { status, head_only }))
}

/// Returns what makes a request a WebSocket.
fn upgrade(request: &Request) -> Result<Vec<u8>, Status> {
    let switch = request.upgrade().filter(|_| !request.head_only);
    switch.ok_or(Status::UpgradeRequired)
}

/// Tells a client of the feed what happens, until he or we leave.
fn tell(house: &House, connection: Connection, request: &Request, stop: &Stop) -> io::Result<()> {
    let waker: Arc<dyn Wake> = Arc::clone(connection.waker()) as _;
    let _inside = house.feed.enter(waker);
    let resume = request.number("epoch").zip(request.number("after"));
    let (feed, stats) = (&house.feed, &house.stats);
    let mut client = Client::new(connection, feed, stats, resume, Instant::now());
    while !stop.is_stopped() {
        if house.leaving.is_stopped() && client.leave(Instant::now()).is_err() {
            break;
        }
        let Ok(until) = client.turn(Instant::now()) else {
            break;
        };
        client.stream().wait(Some(until))?;
    }
    Ok(())
}

/// Where the feed is.
const FEED: &str = "/events";

/// How long the head of a request may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
