//! The feed: what a client of the WebSocket is told, from a real link and until the end.

use std::fs;
use std::io::Read;
use std::process;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use socket2::SockRef;
use tungstenite::Message;

use crate::dashboard::Dashboard;
use crate::dashboard::LINE_MAX;
use crate::dashboard::beacon;
use crate::support;
use crate::support::Families;
use crate::support::Lab;
use crate::support::Process;

#[test]
fn a_client_hears_what_comes_and_goes_as_browse_tells_it() {
    let kind = service_type('a');
    let dashboard = Dashboard::start(&[]);
    let mut client = dashboard.listen("");
    let hello = client.next();
    let snapshot = client.next();
    assert_eq!(
        (&hello["kind"], &hello["resumed"]),
        (&"hello".into(), &false.into())
    );
    assert_eq!(
        (&snapshot["kind"], &snapshot["last"]),
        (&"snapshot".into(), &true.into())
    );

    let mut browser = start("browse", &[&kind, "--json"]);
    let mut publisher = publish("Lamp", &kind);
    let found = client.expect("found", &kind);
    let resolved = client.expect("resolved", &kind);
    publisher.terminate();
    let removed = client.expect("removed", &kind);

    assert!(hello["seq"].as_u64() < found["seq"].as_u64());
    assert!(found["seq"].as_u64() < resolved["seq"].as_u64());
    assert_eq!(found["kind"], "event");
    for (mut told, event) in [
        (found, "found"),
        (resolved, "resolved"),
        (removed, "removed"),
    ] {
        let line = browser.expect_line(event, LINE_MAX, |line| {
            let shown: Value = serde_json::from_str(line).ok()?;
            (shown["event"] == event).then_some(shown)
        });
        let told = told.as_object_mut().unwrap();
        told.shift_remove("kind").unwrap();
        told.shift_remove("seq").unwrap();
        assert_eq!(Value::from(told.clone()).to_string(), line.what.to_string());
    }
}

#[test]
fn who_comes_later_is_told_what_is_there_and_who_comes_back_what_he_missed() {
    let kind = service_type('b');
    let dashboard = Dashboard::start(&[]);
    let (mut first, mut other) = (dashboard.listen(""), dashboard.listen(""));
    let epoch = first.next()["epoch"].as_u64().unwrap();
    let _lamp = publish("Lamp", &kind);
    let seen = first.expect("resolved", &kind)["seq"].as_u64().unwrap();
    drop(first);
    let _door = publish("Door", &kind);
    while other.expect("found", &kind)["name"] != "Door" {}

    let mut later = dashboard.listen("");
    later.next();
    let services = later.next()["services"].clone();
    let services = services.as_array().unwrap().iter();
    let mut names: Vec<_> = services
        .filter(|s| s["type"] == *kind)
        .map(|s| &s["name"])
        .collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["Door", "Lamp"]);

    let mut again = dashboard.listen(&format!("?epoch={epoch}&after={seen}"));

    let hello = again.next();
    assert_eq!(
        (&hello["resumed"], &hello["seq"]),
        (&true.into(), &seen.into())
    );
    let missed = again.expect("found", &kind);
    assert_eq!(
        (&missed["name"], &missed["kind"]),
        (&"Door".into(), &"event".into())
    );
    assert!(missed["seq"].as_u64() > Some(seen));
}

#[test]
fn who_comes_back_with_another_epoch_is_told_of_a_gap_and_hears_all() {
    let dashboard = Dashboard::start(&[]);

    let mut client = dashboard.listen("?epoch=7&after=0");

    let told = [client.next(), client.next(), client.next()];
    assert_eq!(
        told.each_ref().map(|told| &told["kind"]),
        ["hello", "error", "snapshot"]
    );
    assert_eq!(
        (&told[0]["resumed"], &told[1]["code"]),
        (&false.into(), &"gap".into())
    );
}

#[test]
fn figures_are_told_and_counted_for_scrapers_too() {
    let dashboard = Dashboard::start(&[]);
    let mut client = dashboard.listen("");

    let stats = (0..).map(|_| client.next_of_all());
    let stats = stats
        .into_iter()
        .find(|told| told["kind"] == "stats")
        .unwrap();

    assert_eq!(stats["clients"], 1);
    assert!(stats["dropped"]["feed/slow_reader"].is_u64(), "{stats}");
    assert!(
        stats["queues"]["feed"].is_u64() && stats["loop"]["p99"].is_number(),
        "{stats}"
    );
    assert!(
        stats["threads"].as_u64() > Some(4) && stats["memory"].is_u64(),
        "{stats}"
    );
    assert_eq!(stats["warnings"], Value::Array(Vec::new()));
    assert_eq!(dashboard.metric("beacon_feed_clients"), 1);
    for reason in ["slow_reader", "expired", "too_slow"] {
        let name = format!("beacon_dropped_total{{queue=\"feed\",reason=\"{reason}\"}}");
        assert_eq!(dashboard.metric(&name), 0, "{reason}");
    }
}

#[test]
fn what_a_client_says_is_limited_and_told_when_it_is_not_understood() {
    let dashboard = Dashboard::start(&[]);
    let mut client = dashboard.listen("");
    while client.next()["kind"] != "snapshot" {}

    client.say(Message::text("hello?"));
    let refused = client.next();
    client.say(Message::text("x".repeat(4097)));

    assert_eq!(
        (&refused["kind"], &refused["code"]),
        (&"error".into(), &"bad_request".into())
    );
    assert_eq!(client.closed(), (1009, "too_long".to_owned()));
    let closed = "beacon_feed_closed_total{reason=\"too_long\"}";
    assert_eq!(dashboard.metric(closed), 1);
}

#[test]
fn a_type_that_is_gone_is_searched_for_no_more() {
    let Some(lab) = Lab::new(2, Families::V4) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let mut serve = support::beacon(alpha, "serve");
    let dashboard = Dashboard::spawn_for(alpha, serve.args(["--json", "--listen", "127.0.0.1:0"]));
    let mut client = dashboard.listen("");
    let searches = "beacon_budget_used{budget=\"beacon/browsers\"}";
    assert_eq!(dashboard.metric(searches), 1, "for types");

    let mut publish = support::beacon(beta, "publish");
    let mut publisher = Process::spawn(publish.args(["Lamp", "_hap._tcp", "80"]), "publish");
    client.expect("resolved", "_hap._tcp");
    assert_eq!(dashboard.metric(searches), 2);
    publisher.terminate();
    client.expect("removed", "_hap._tcp");

    let patience = Instant::now() + LINE_MAX;
    while dashboard.metric(searches) > 1 {
        assert!(Instant::now() < patience, "it is searched for still");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn who_asks_and_asks_and_takes_nothing_is_sent_away_and_counted() {
    let kind = service_type('c');
    let dashboard = Dashboard::start(&[]);
    let mut watcher = dashboard.listen("");
    // Together more than fits into one message.
    let long = ["a", "b", "c", "d"].map(|key| format!("{key}={}", "x".repeat(250)));
    let [a, b, c, d] = long.each_ref().map(String::as_str);
    let lamps = ["Lamp", &kind, "80", a, b, c, d, "--count", "120"];
    let mut publisher = start("publish", &lamps);
    for _ in 0..120 {
        watcher.expect("resolved", &kind);
    }
    let mut greedy = dashboard.listen("");
    SockRef::from(&*greedy.stream())
        .set_recv_buffer_size(4096)
        .unwrap();

    for _ in 0..90 {
        greedy.say(Message::text("{\"kind\":\"snapshot\"}"));
    }
    dashboard.wait_held(1);

    let closed = "beacon_feed_closed_total{reason=\"too_slow\"}";
    assert_eq!(dashboard.metric(closed), 1);
    let dropped = "beacon_dropped_total{queue=\"feed\",reason=\"too_slow\"}";
    assert!(dashboard.metric(dropped) >= 1);
    // Nobody else was held up.
    publisher.terminate();
    watcher.expect("removed", &kind);
}

#[test]
fn a_page_of_somebody_else_gets_no_feed_and_a_request_that_is_none_is_told_so() {
    let dashboard = Dashboard::start(&[]);
    let host = &dashboard.address;
    let ask = |origin: &str| {
        dashboard.ask(&format!(
            "GET /events HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}\r\n"
        ))
    };

    assert_eq!(ask("Origin: http://attacker.example\r\n").status, 403);
    assert_eq!(ask("Origin: null\r\n").status, 403);
    assert_eq!(dashboard.get("/events").status, 426);
}

#[test]
fn an_end_tells_every_client_that_we_leave_and_waits_for_none_that_does_not_answer() {
    let mut dashboard = Dashboard::start(&["-vv"]);
    let mut clients: Vec<_> = (0..5).map(|_| dashboard.listen("")).collect();
    for client in &mut clients {
        client.next();
    }
    let mut deaf = dashboard.listen("");
    dashboard.wait_held(6);

    let ended = thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| assert_eq!(client.closed(), (1001, "leaving".to_owned())));
        }
        dashboard.process.terminate()
    });

    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
    let said = dashboard.process.rest().join("\n");
    assert!(
        said.contains("\"event\":\"shutdown\",\"clean\":true"),
        "{said}"
    );
    // He was told too, in what he has not read.
    let mut bytes = Vec::new();
    let _ = deaf.stream().read_to_end(&mut bytes);
    assert!(
        bytes.ends_with(b"\x88\x09\x03\xe9leaving"),
        "{:?}",
        bytes.escape_ascii()
    );
}

#[test]
fn without_clients_nothing_ticks_and_nobody_listens_in_vain() {
    let dashboard = Dashboard::start(&[]);
    let client = dashboard.listen("");
    dashboard.wait_held(1);
    drop(client);
    dashboard.wait_held(0);

    // It may still be on its way to sleep; then it is not woken.
    let patience = Instant::now() + LINE_MAX;
    let mut before = listener_sleeps(&dashboard);
    loop {
        thread::sleep(STILL);
        let after = listener_sleeps(&dashboard);
        if after == before {
            return;
        }
        assert!(Instant::now() < patience, "{before} {after}");
        before = after;
    }
}

/// Returns how often the thread that lets clients in has gone to sleep. Besides it there are those
/// that any verb has, and no other.
fn listener_sleeps(dashboard: &Dashboard) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", dashboard.process.id())).unwrap();
    let mut sleeps = Vec::new();
    for task in tasks {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let figure = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        match figure("Name:\t").unwrap() {
            "listener-0" => {
                let count = figure("voluntary_ctxt_switches:\t");
                sleeps.push(count.unwrap().parse().unwrap());
            }
            "output" | "interrupts" | "signals" => {}
            name => assert!(name.starts_with("beacon"), "{name}"),
        }
    }
    assert_eq!(sleeps.len(), 1);
    sleeps[0]
}

fn start(verb: &str, arguments: &[&str]) -> Process {
    let mut command = beacon(&[verb, "--interface", "lo"]);
    Process::spawn(command.args(arguments), verb)
}

fn publish(name: &str, service_type: &str) -> Process {
    let mut publisher = start("publish", &[name, service_type, "80", "path=/"]);
    let is_announced = |line: &str| line.contains("announced").then_some(());
    publisher.expect_line("announced", LINE_MAX, is_announced);
    publisher
}

/// A type that nobody else on the link has.
fn service_type(test: char) -> String {
    format!("_bs{}{test}._tcp", process::id())
}

/// Several times as long as anything that ticks would let it sleep.
const STILL: Duration = Duration::from_secs(3);
