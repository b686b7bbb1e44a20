//! Requests: what is answered, and who is turned away.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::dashboard::Dashboard;
use crate::dashboard::LINE_MAX;
use crate::dashboard::beacon;
use crate::dashboard::serve;
use crate::support;
use crate::support::Families;
use crate::support::Lab;

#[test]
fn it_says_where_it_listens_and_answers_that_it_is_well() {
    let mut dashboard = Dashboard::start(&[]);

    assert!(dashboard.url.starts_with("http://127.0.0.1:"), "loopback");
    let answer = dashboard.get("/healthz");
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    assert_eq!(dashboard.process.terminate().status.code(), Some(0));
}

#[test]
fn a_port_that_is_taken_ends_with_3_and_says_what_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();

    let refused = beacon(&["serve", "--interface", "lo", "--listen", &at])
        .output()
        .unwrap();

    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.starts_with(&format!("error: cannot listen for browsers: {at}: ")),
        "{said}"
    );
    assert!(
        said.ends_with("choose another address or port with --listen\n"),
        "{said}"
    );
    assert_eq!(refused.stdout, b"");
}

#[test]
fn where_descriptors_run_out_no_other_address_is_advised() {
    let mut advised = 0;
    for limit in 12..30 {
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let plain = serve(&["--timeout", "0.01"]);
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(plain.get_program());
        let ended = command.args(plain.get_args()).output().unwrap();

        let said = String::from_utf8(ended.stderr).unwrap();
        if said.contains("cannot listen for browsers") {
            assert!(
                said.ends_with("raise the limit of open files (ulimit -n)\n"),
                "{said}"
            );
            assert_eq!(ended.status.code(), Some(3));
            advised += 1;
        }
    }
    assert!(advised > 0);
}

#[test]
fn figures_of_beacon_process_budget_and_tasks_are_there_for_scrapers() {
    let dashboard = Dashboard::start(&[]);

    let metrics = dashboard.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert_eq!(
        metrics.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    for line in [
        "beacon_packets_received_total{",
        "process_open_fds ",
        "beacon_budget_limit{budget=\"serve/connections\"} 32",
        "beacon_budget_used{budget=\"serve/connections\"} 1",
        "beacon_tasks{kind=\"listener\"} 1",
        "beacon_tasks{kind=\"visit\"} 1",
        "beacon_http_responses_total{status=\"200\"} 0",
    ] {
        assert!(metrics.body.contains(line), "{line}\n{}", metrics.body);
    }
    let json: Value = serde_json::from_str(&dashboard.get("/metrics.json").body).unwrap();
    assert_eq!(json["process_threads"]["type"], "gauge");
    assert_eq!(
        dashboard.metric("beacon_http_responses_total{status=\"200\"}"),
        2
    );
}

#[test]
fn who_runs_and_what_is_held_can_be_looked_at() {
    let dashboard = Dashboard::start(&[]);

    let tasks = dashboard.get("/debug/tasks").body;
    assert!(
        tasks.contains("listener-0") && tasks.contains("visit-0"),
        "{tasks}"
    );
    let tasks: Value = serde_json::from_str(&dashboard.get("/debug/tasks.json").body).unwrap();
    assert_eq!(
        (&tasks[0]["name"], &tasks[0]["standing"]),
        (&"listener-0".into(), &true.into())
    );
    let budgets = dashboard.get("/debug/budgets").body;
    let connections = budgets
        .lines()
        .find(|line| line.starts_with("  connections "));
    assert!(connections.unwrap().contains(" 32 "), "{budgets}");
    let budgets: Value = serde_json::from_str(&dashboard.get("/debug/budgets.json").body).unwrap();
    let named = |name: &str| {
        budgets
            .as_array()
            .unwrap()
            .iter()
            .find(|b| b["name"] == name)
    };
    assert_eq!(named("browsers").unwrap()["limit"], "256");
    assert!(named("connections").unwrap()["used"].as_u64() >= Some(1));
}

#[cfg(feature = "heap-profile")]
#[test]
fn what_is_allocated_is_told_while_a_profile_is_made() {
    let dashboard = Dashboard::start(&[]);
    assert_eq!(dashboard.get("/debug/heap").status, 404);

    let file = std::env::temp_dir().join(format!("beacon-serve-{}.json", std::process::id()));
    let mut command = serve(&[]);
    let profiled = Dashboard::spawn(command.env("BEACON_HEAP_PROFILE", &file));
    let heap: Value = serde_json::from_str(&profiled.get("/debug/heap").body).unwrap();

    assert!(heap["bytes"].as_u64().unwrap() > 1000, "{heap}");
    drop(profiled);
    let _ = std::fs::remove_file(file);
}

#[test]
fn on_another_address_it_serves_others_and_tells_them_nothing_of_the_heap() {
    let Some(lab) = Lab::new(2, Families::V4) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let file = std::env::temp_dir().join(format!("beacon-lab-{}.json", std::process::id()));
    let mut serve = support::beacon(alpha, "serve");
    serve.env("BEACON_HEAP_PROFILE", &file);
    let at = format!("{}:0", alpha.address());

    let dashboard = Dashboard::spawn_for(beta, serve.args(["--json", "--listen", &at]));

    assert_eq!(dashboard.get("/healthz").status, 200);
    let expected = if cfg!(feature = "heap-profile") {
        403
    } else {
        404
    };
    assert_eq!(dashboard.get("/debug/heap").status, expected);
    drop(dashboard);
    let _ = std::fs::remove_file(file);
}

#[test]
fn only_known_paths_are_served_and_nothing_can_be_changed() {
    let dashboard = Dashboard::start(&[]);

    assert_eq!(dashboard.get("/nowhere").status, 404);
    assert_eq!(dashboard.get("/debug").status, 404);
    let posted =
        dashboard.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b");
    assert_eq!(
        (posted.status, &*posted.headers["allow"]),
        (405, "GET, HEAD")
    );
    let head = dashboard.ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(
        (head.status, &*head.body, &*head.headers["content-length"]),
        (200, "", "3")
    );
}

#[test]
fn an_answer_to_head_has_no_body_when_it_is_refused_either() {
    let dashboard = Dashboard::start(&[]);

    for (head, status) in [
        ("HEAD / HTTP/1.1\r\nHost: attacker.example\r\n\r\n", 421),
        ("HEAD / HTTP/1.1\r\n\r\n", 400),
        ("HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    ] {
        let answer = dashboard.ask(head);
        assert_eq!((answer.status, &*answer.body), (status, ""), "{head:?}");
        assert_ne!(answer.headers["content-length"], "0");
    }
}

#[test]
fn the_page_is_one_piece_loads_nothing_and_runs_only_what_is_its_own() {
    let dashboard = Dashboard::start(&[]);

    let page = dashboard.get("/");

    assert_eq!(
        (page.status, &*page.headers["content-type"]),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let policy = &page.headers["content-security-policy"];
    assert!(
        policy.starts_with("default-src 'none'; script-src 'nonce-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let nonce = policy
        .split('\'')
        .find_map(|word| word.strip_prefix("nonce-"))
        .unwrap();
    for element in ["<script", "<style"] {
        let with_nonce = format!("{element} nonce=\"{nonce}\">");
        assert_eq!(page.body.matches(element).count(), 1, "{element}");
        assert!(page.body.contains(&with_nonce), "{with_nonce}");
    }
    // Names come from anybody on the link.
    for risky in [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "eval(",
        "src=",
        "href=",
        "://",
    ] {
        assert!(!page.body.contains(risky), "{risky}");
    }
    assert!(!dashboard.get("/").headers["content-security-policy"].contains(nonce));
}

#[test]
fn a_name_that_somebody_points_here_is_not_served() {
    let dashboard = Dashboard::start(&["--listen", "localhost:0"]);

    for (host, status) in [
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("localhost:1234", 200),
        ("attacker.example", 421),
        ("localhost.attacker.example:5380", 421),
    ] {
        let answer = dashboard.ask(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn a_page_of_another_site_is_told_nothing_whatever_it_asks_for() {
    let dashboard = Dashboard::start(&[]);
    let ask = |path: &str, line: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n");
        dashboard.ask(&head).status
    };

    for path in ["/", "/metrics", "/metrics.json", "/debug/tasks", "/nowhere"] {
        assert_eq!(ask(path, "Origin: http://attacker.example"), 403, "{path}");
        assert_eq!(ask(path, "Sec-Fetch-Site: cross-site"), 403, "{path}");
    }
    assert_eq!(ask("/", "Origin: http://localhost"), 200);
    let followed = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate";
    assert_eq!(ask("/", followed), 200, "a link");
}

#[test]
fn one_host_of_the_link_has_three_quarters_of_the_connections_at_most() {
    let Some(lab) = Lab::new(3, Families::V4) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let mut serve = support::beacon(alpha, "serve");
    let at = format!("{}:0", alpha.address());
    let mut dashboard = Dashboard::spawn_for(beta, serve.args(["--json", "--listen", &at]));

    let _held: Vec<_> = (0..24).map(|_| dashboard.connect()).collect();

    let refused = dashboard.get("/healthz");
    assert_eq!(
        (refused.status, &*refused.headers["retry-after"]),
        (503, "5")
    );
    dashboard.ask_from(gamma);
    assert_eq!(dashboard.get("/healthz").status, 200);
}

#[test]
fn a_head_that_is_too_long_is_refused_with_431() {
    let dashboard = Dashboard::start(&[]);
    let long = "x".repeat(9000);

    let answer = dashboard.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"));

    assert_eq!(answer.status, 431);
}

#[test]
fn a_head_that_does_not_come_is_refused_with_408_after_ten_seconds() {
    let dashboard = Dashboard::start(&[]);
    let began = Instant::now();

    let answer = dashboard.ask("GET / HTTP/1.1\r\nHost: a\r\n");

    assert_eq!(answer.status, 408);
    let waited = began.elapsed();
    assert!((10.0..15.0).contains(&waited.as_secs_f64()), "{waited:?}");
}

#[test]
fn the_33rd_connection_is_told_to_come_back_and_counted() {
    let dashboard = Dashboard::start(&[]);
    let mut held: Vec<_> = (0..32).map(|_| dashboard.connect()).collect();
    dashboard.wait_held(32);

    let answer = dashboard.get("/healthz");

    assert_eq!((answer.status, &*answer.headers["retry-after"]), (503, "5"));
    held.truncate(20);
    dashboard.wait_held(20);
    let denied = "beacon_budget_denied_total{budget=\"serve/connections\"}";
    assert!(dashboard.metric(denied) >= 1);
    assert_eq!(
        dashboard.metric("beacon_http_responses_total{status=\"503\"}"),
        dashboard.metric(denied)
    );
}

#[test]
fn who_connects_again_and_again_is_told_to_do_it_less_often() {
    let dashboard = Dashboard::start(&[]);

    let refused = (0..1000).any(|_| dashboard.get("/nowhere").status == 429);

    assert!(refused);
}

#[test]
fn descriptors_that_run_out_keep_clients_waiting_for_no_longer_than_they_are_missing() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]);
    let plain = serve(&[]);
    command.arg(plain.get_program()).args(plain.get_args());
    let mut dashboard = Dashboard::spawn(&mut command);

    let held: Vec<_> = (0..30).map(|_| dashboard.connect()).collect();
    let told = dashboard.process.expect_line("waiting", LINE_MAX, |line| {
        line.contains("clients are kept waiting")
            .then(|| line.to_owned())
    });
    drop(held);

    assert!(told.what.contains("open files"), "{}", told.what);
    assert_eq!(dashboard.get("/healthz").status, 200);
    for _ in 0..3 {
        let held: Vec<_> = (0..30).map(|_| dashboard.connect()).collect();
        drop(held);
        assert_eq!(dashboard.get("/healthz").status, 200);
    }
    dashboard.process.terminate();
    let again = |line: &String| line.contains("kept waiting");
    let rest = dashboard.process.rest();
    assert!(!rest.iter().any(again), "told once: {rest:?}");
}

#[test]
fn who_comes_when_there_are_no_descriptors_to_wait_for_him_is_told_to_come_back() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]);
    let plain = serve(&[]);
    command.arg(plain.get_program()).args(plain.get_args());
    let dashboard = Dashboard::spawn(&mut command);
    let mut held: Vec<_> = (0..30).map(|_| dashboard.connect()).collect();

    let told = held.iter_mut().any(|client| {
        let _ = client.set_read_timeout(Some(Duration::from_millis(100)));
        let mut answer = [0; 12];
        client.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 503"
    });

    assert!(told);
}

#[test]
fn an_end_does_not_wait_for_who_has_not_asked_yet() {
    let mut dashboard = Dashboard::start(&[]);
    let held: Vec<_> = (0..10).map(|_| dashboard.connect()).collect();
    dashboard.wait_held(10);

    let ended = dashboard.process.terminate();

    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
    for mut client in held {
        assert_eq!(client.read(&mut [0; 10]).unwrap_or(0), 0, "closed");
    }
}

#[test]
fn an_end_does_not_wait_for_who_has_his_answer_and_stays() {
    let mut dashboard = Dashboard::start(&[]);
    let mut client = dashboard.connect();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();

    let ended = dashboard.process.terminate();

    assert!(answer.ends_with(b"\r\n\r\nok\n"));
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.took < Duration::from_secs(1), "{:?}", ended.took);
}
