//! A dashboard that runs, and who asks it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tungstenite::Message;
use tungstenite::WebSocket;

use crate::support::Host;
use crate::support::Process;

/// A running `beacon serve`.
pub(crate) struct Dashboard<'lab> {
    pub(crate) process: Process,
    pub(crate) url: String,
    /// Address and port.
    pub(crate) address: String,
    /// From where it is asked, if not from this machine itself.
    host: Option<&'lab Host>,
}

impl<'lab> Dashboard<'lab> {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::spawn(&mut serve(options))
    }

    /// Starts it, for one who asks from a host of the laboratory.
    pub(crate) fn spawn_for(host: &'lab Host, command: &mut Command) -> Self {
        let mut dashboard = Self::spawn(command);
        dashboard.ask_from(host);
        dashboard
    }

    /// Lets all that is asked from here on come from a host of the laboratory.
    pub(crate) fn ask_from(&mut self, host: &'lab Host) {
        self.host = Some(host);
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = Process::spawn(command, "serve");
        let url = process.expect_line("listening", LINE_MAX, |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == "listening").then(|| event["url"].as_str().unwrap().to_owned())
        });
        let url = url.what;
        let address = url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        Self {
            process,
            url,
            address,
            host: None,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let address = &self.address;
        let connect = || TcpStream::connect(address).unwrap();
        let stream = self.host.map_or_else(connect, |host| host.inside(connect));
        stream.set_read_timeout(Some(LINE_MAX)).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let host = &self.address;
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    /// Opens the feed, from the beginning or with a place to go on from.
    pub(crate) fn listen(&self, query: &str) -> Listener {
        let url = format!("ws://{}/events{query}", self.address);
        let (socket, _) = tungstenite::client(url, self.connect()).expect("a handshake");
        Listener { socket }
    }

    /// Sends a request, and reads until the connection is closed.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // Who is turned away at once may be so while he still writes.
        let _ = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Answer::read(&String::from_utf8(bytes).unwrap())
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.trim().parse().unwrap()
    }

    /// Waits until so many connections are held.
    pub(crate) fn wait_held(&self, count: usize) {
        let task = format!("/proc/{}/task", self.process.id());
        let deadline = Instant::now() + LINE_MAX;
        loop {
            let names = fs::read_dir(&task)
                .unwrap()
                .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("comm")).ok());
            let visits = names.filter(|name| name.starts_with("visit-")).count();
            if visits == count {
                return;
            }
            assert!(Instant::now() < deadline, "{visits} connections are held");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A client of the feed.
pub(crate) struct Listener {
    socket: WebSocket<TcpStream>,
}

impl Listener {
    /// Waits for what is told next, figures left out.
    pub(crate) fn next(&mut self) -> Value {
        loop {
            let told = self.next_of_all();
            if told["kind"] != "stats" {
                return told;
            }
        }
    }

    pub(crate) fn next_of_all(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect("something is told") {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    /// Waits for an event of a kind about a service of a type: others speak on this link too.
    pub(crate) fn expect(&mut self, event: &str, service_type: &str) -> Value {
        loop {
            let told = self.next();
            if told["event"] == event && told["type"] == service_type {
                return told;
            }
        }
    }

    pub(crate) fn say(&mut self, message: Message) {
        self.socket.send(message).expect("it is heard");
    }

    /// Waits until it is closed, and returns code and reason.
    pub(crate) fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.socket.read().expect("a close") {
                let frame = frame.expect("a reason");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    /// Lends what is below.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }
}

/// What was answered to one request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text:?}"));
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Self {
            status,
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }
}

pub(crate) fn beacon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beacon"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// Returns `beacon serve` on a port that is free, unless `options` say otherwise.
pub(crate) fn serve(options: &[&str]) -> Command {
    let mut command = beacon(&["serve", "--interface", "lo", "--json"]);
    if !options.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(options);
    command
}

/// How long something may take that is sure to come.
pub(crate) const LINE_MAX: Duration = Duration::from_secs(20);
