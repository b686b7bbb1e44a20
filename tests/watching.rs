//! `beacon watch`: the files that it keeps, as others read them.
//!
//! What is sent goes over the loopback interface alone, on which other tests speak too.

mod support;
mod world;

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddrV4;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::str;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Registration;
use beacon::Service;
use beacon::TxtProperties;
use serde_json::Value;
use serde_json::json;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::support::Process;
use crate::world::make;

#[test]
fn the_targets_follow_what_is_found_changes_and_goes() {
    let (folder, kind) = (Folder::new('a'), service_type('a'));
    let path = folder.file("targets.json");
    let mut watch = watch(&[&kind, "--file-sd", arg(&path), "--json"]);

    assert_eq!(written(&mut watch), json_line(&path, "targets", 0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");

    let publisher = beacon();
    let lamp = publish(&publisher, "Porch Lamp", &kind);
    assert_eq!(written(&mut watch), json_line(&path, "targets", 1));
    let mut expected = json!([{
        "targets": ["127.0.0.1:7000"],
        "labels": {
            "__meta_beacon_type": kind,
            "__meta_beacon_instance": "Porch Lamp",
            "__meta_beacon_interface": "lo",
            "__meta_beacon_host": format!("{}.local", host()),
            "__meta_beacon_txt_metrics_path": "/metrics",
        },
    }]);
    assert_eq!(read(&path), expected);

    lamp.update_txt(&TxtProperties::new()).unwrap();
    written(&mut watch);
    let labels = expected[0]["labels"].as_object_mut().unwrap();
    labels.remove("__meta_beacon_txt_metrics_path");
    assert_eq!(read(&path), expected);

    drop(lamp);
    assert_eq!(written(&mut watch), json_line(&path, "targets", 0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");
    assert_eq!(watch.terminate().status.code(), Some(0));
    assert_eq!(folder.names(), ["targets.json"]);
}

#[test]
fn the_hosts_are_those_of_the_services_of_every_type() {
    let folder = Folder::new('b');
    let path = folder.file("hosts");
    let (publisher, host) = (beacon(), format!("porch{}", process::id()));
    let mut watch = watch(&["--hosts", arg(&path)]);
    let ours = || {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| line.contains(&host));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    expect(&mut watch, "written    ");
    assert_eq!(ours(), [] as [&str; 0]);

    let service = Service::new("Porch", &service_type('b'), 80).unwrap();
    let service = service.host(&host).unwrap();
    let service = ["192.0.2.9", "2001:db8::9", "fe80::9"]
        .into_iter()
        .fold(service, |service, address| {
            service.address(address.parse().unwrap()).unwrap()
        });
    let porch = publisher.register(service).unwrap();
    let expected = [
        format!("192.0.2.9 {host}.local"),
        format!("2001:db8::9 {host}.local"),
    ];
    // Other tests publish on the same link, so that it may be written for them first.
    while ours() != expected {
        expect(&mut watch, "written    ");
    }
    drop(porch);
    while !ours().is_empty() {
        expect(&mut watch, "written    ");
    }
}

#[test]
fn a_file_that_others_change_or_remove_is_as_it_was_within_ten_seconds() {
    let (folder, kind) = (Folder::new('g'), service_type('g'));
    let (targets, hosts) = (folder.file("targets.json"), folder.file("hosts"));
    let files = ["--file-sd", arg(&targets), "--hosts", arg(&hosts)];
    let mut watch = watch(&[&[&*kind, "--json"], &files[..]].concat());
    let expected = [
        json_line(&targets, "targets", 0),
        json_line(&hosts, "lines", 0),
    ];
    assert_eq!([written(&mut watch), written(&mut watch)], expected);

    fs::remove_file(&targets).unwrap();
    fs::write(&hosts, "127.0.0.1 bank.example\n").unwrap();

    assert_eq!([written(&mut watch), written(&mut watch)], expected);
    assert_eq!(fs::read_to_string(&targets).unwrap(), "[]\n");
    assert_eq!(fs::read_to_string(&hosts).unwrap(), "");
}

#[test]
fn who_reads_no_more_of_what_is_said_does_not_stop_the_files() {
    let (folder, kind) = (Folder::new('h'), service_type('h'));
    // A pipe is full of a few lines when each has such a path.
    let deep = folder.file(&format!("{}/", "x".repeat(240)).repeat(12));
    fs::create_dir_all(&deep).unwrap();
    let (targets, hosts) = (deep.join("targets.json"), deep.join("hosts"));
    let files = ["--file-sd", arg(&targets), "--hosts", arg(&hosts)];
    let mut watch = command(&[&[&*kind, "--json"], &files[..]].concat());
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let peer = peer();
    wait_for(&targets, "[]");

    // Behind the pipe there is a queue of 64.
    for number in 0..60 {
        let text = format!("192.0.2.{}", number + 1);
        peer.send_to(&offer(&kind, &format!("lamp{number}"), &text), GROUP)
            .unwrap();
        for file in [&targets, &hosts] {
            wait_for(file, &text);
        }
    }

    drop(watch.stdout.take());
    let deadline = Instant::now() + LINE_MAX;
    while watch.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nobody reads, and it goes on");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_file_that_cannot_be_written_at_the_start_ends_with_3_and_says_what_to_change() {
    let (folder, kind) = (Folder::new('c'), service_type('c'));
    let good = folder.file("targets.json");
    symlink("circle", folder.file("circle")).unwrap();
    for (option, path, says) in [
        ("--hosts", folder.file(&"x".repeat(256)), "shorter path"),
        ("--hosts", folder.file("circle"), "that leads to a file"),
        (
            "--hosts",
            folder.file("missing/hosts"),
            "make its folder first",
        ),
        ("--hosts", folder.0.clone(), "it is not a file"),
    ] {
        let refused = run(&[&kind, "--file-sd", arg(&good), option, arg(&path)]);

        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{said}");
        assert!(
            said.starts_with("error: cannot ") && said.contains(says),
            "{said}"
        );
        assert!(said.contains(arg(&path)), "{said}");
    }
    fs::remove_file(folder.file("circle")).unwrap();
    assert_eq!(folder.names(), ["targets.json"]);
}

#[test]
fn a_file_that_cannot_be_written_keeps_no_other_from_being_written() {
    let (folder, kind) = (Folder::new('h'), service_type('h'));
    let (bad, good) = (folder.file("missing/targets.json"), folder.file("hosts"));

    let refused = run(&[&kind, "--file-sd", arg(&bad), "--hosts", arg(&good)]);

    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains(arg(&bad)), "{said}");
    assert_eq!(folder.names(), ["hosts"]);
}

#[test]
fn without_a_file_to_keep_the_command_line_is_wrong() {
    let refused = run(&["_http._tcp"]);

    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--file-sd <PATH>|--hosts <PATH>"), "{said}");
}

#[test]
fn a_restart_leaves_a_good_file_until_it_has_looked_and_a_stale_one_no_longer() {
    let (folder, kind) = (Folder::new('d'), service_type('d'));
    let path = folder.file("targets.json");
    let publisher = beacon();
    let lamp = publish(&publisher, "Lamp", &kind);
    let list = [&kind, "--file-sd", arg(&path), "--timeout", "3", "--json"];

    let first = run(&list);
    let good = read(&path);
    let second = run(&list);

    // A time that ends is an end in order, and what was found in it is written.
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(good.as_array().map(Vec::len), Some(1), "{good}");
    assert_eq!(read(&path), good);
    assert_eq!(stdout(&second), "", "there was nothing to write");

    drop(lamp);
    let started = Instant::now();
    let mut third = watch(&list[..3]);
    let emptied = third.expect_line("written", LINE_MAX, |line| {
        line.starts_with("written    ").then(|| line.to_owned())
    });
    assert!(emptied.what.ends_with("  0 targets"), "{}", emptied.what);
    assert!(emptied.at - started >= Duration::from_secs(1));
    assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");
}

#[test]
fn what_cannot_be_written_later_is_warned_of_once_and_made_up_for() {
    let (folder, kind) = (Folder::new('e'), service_type('e'));
    let (inner, away) = (folder.file("inner"), folder.file("away"));
    fs::create_dir(&inner).unwrap();
    let path = inner.join("targets.json");
    let mut watch = watch(&[&kind, "--file-sd", arg(&path), "--json"]);
    written(&mut watch);

    fs::rename(&inner, &away).unwrap();
    let publisher = beacon();
    let lamp = publish(&publisher, "Lamp", &kind);
    expect(&mut watch, "make its folder first");
    // A change that is tried too, and of which there is nothing more to tell.
    lamp.update_txt(&TxtProperties::new()).unwrap();
    fs::rename(&away, &inner).unwrap();

    assert_eq!(written(&mut watch), json_line(&path, "targets", 1));
    assert_eq!(watch.terminate().status.code(), Some(0));
    let rest = watch.rest();
    let complaints = rest.iter().filter(|line| line.contains("make its folder"));
    assert_eq!(complaints.count(), 0, "{rest:?}");
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
}

#[test]
fn two_readers_never_see_half_a_file() {
    let (folder, kind) = (Folder::new('f'), service_type('f'));
    let path = folder.file("targets.json");
    let mut watch = watch(&[&kind, "--file-sd", arg(&path), "--json"]);
    written(&mut watch);
    let over = AtomicBool::new(false);

    let seen = thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut lengths = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let targets = read(&path).as_array().map(Vec::len);
                    lengths.extend(targets);
                    lengths.dedup();
                }
                lengths
            })
        });
        // Whatever fails in between, the readers end.
        let _ended = OnDrop(&over);
        let publisher = beacon();
        let mut lamps = Vec::new();
        for number in 1..=4 {
            lamps.push(publish(&publisher, &format!("Lamp {number}"), &kind));
            while written(&mut watch) != json_line(&path, "targets", number) {}
        }
        drop(lamps);
        while written(&mut watch) != json_line(&path, "targets", 0) {}
        over.store(true, Ordering::Relaxed);
        readers.map(|reader| reader.join().expect("only whole lists"))
    });

    for lengths in seen {
        assert!(lengths.len() > 2, "they saw it change: {lengths:?}");
    }
    assert_eq!(folder.names(), ["targets.json"]);
}

/// Sets what it holds, at last when dropped.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A folder of a test's own; dropping it removes it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: char) -> Self {
        let path = env::temp_dir().join(format!("beacon-watching-{}{test}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that fails says why; what stays behind is small.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn beacon() -> Beacon {
    Beacon::start(Config::default().interfaces(["lo"])).unwrap()
}

/// Publishes a service and waits until it is out there.
fn publish(publisher: &Beacon, name: &str, kind: &str) -> Registration {
    let service = Service::new(name, kind, 7000).unwrap();
    let service = service.txt("metrics.path", "/metrics").unwrap();
    // Of its own, for others on this link may come to want that of this machine.
    let service = service.host(&host()).unwrap();
    let service = service.address([127, 0, 0, 1].into()).unwrap();
    let registration = publisher.register(service).unwrap();
    registration.wait_announced(LINE_MAX).unwrap();
    registration
}

/// Opens a socket of a host that answers whatever it likes.
fn peer() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    // Nobody else is there, from whom it would take what is sent to him alone.
    let own = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 53), GROUP.port());
    socket.bind(&own.into()).unwrap();
    socket.into()
}

/// Returns a message that says all there is to say of a service.
fn offer(kind: &str, name: &str, address: &str) -> Vec<u8> {
    let (kind, host) = (format!("{kind}.local"), format!("{name}.local"));
    let instance = format!("{name}.{kind}");
    let all = make::response()
        .answer(make::ptr(&kind, &instance))
        .additional(make::srv(&instance, 7000, &host))
        .additional(make::txt(&instance, &[]));
    all.additional(make::a(&host, address)).bytes()
}

/// Waits until this stands in the file.
fn wait_for(path: &Path, text: &str) {
    let deadline = Instant::now() + LINE_MAX;
    while !fs::read_to_string(path).is_ok_and(|found| found.contains(text)) {
        assert!(Instant::now() < deadline, "{text} is not in {path:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn host() -> String {
    format!("watched{}", process::id())
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beacon"));
    command.arg("watch").args(arguments).env_remove("RUST_LOG");
    command.args(["--interface", "lo"]);
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("it was built")
}

fn watch(arguments: &[&str]) -> Process {
    Process::spawn(&mut command(arguments), "watch")
}

/// Waits for a line that has this text in it.
fn expect(process: &mut Process, text: &str) {
    process.expect_line(text, LINE_MAX, |line| line.contains(text).then_some(()));
}

/// Waits until a file was written, and returns the line that says so.
fn written(process: &mut Process) -> String {
    let written = |line: &str| line.contains("\"written\"").then(|| line.to_owned());
    process.expect_line("written", LINE_MAX, written).what
}

fn json_line(path: &Path, entries: &str, count: usize) -> String {
    json!({"event": "written", "path": arg(path), entries: count}).to_string()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("it is always there");
    serde_json::from_str(&text).expect("JSON as a whole")
}

fn arg(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).expect("UTF-8")
}

/// A type that nobody else on the link has.
fn service_type(test: char) -> String {
    format!("_bw{}{test}._tcp", process::id())
}

/// How long a line may take that is sure to come.
const LINE_MAX: Duration = Duration::from_secs(20);

const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);
