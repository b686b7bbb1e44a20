//! Children and their descendants: real processes, ended in every way that they resist.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

use std::env;
use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::process;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::lifecycle::Group;
use beacon::stop::Reason;
use beacon::stop::Stop;

#[test]
fn a_group_that_heeds_sigterm_is_gone_without_a_kill() {
    let (mut group, _out, pids) =
        started("sleep 1000 & first=$!; sleep 1000 & say $first $!; wait");
    let began = Instant::now();

    let ended = group.stop(GRACE).unwrap();

    assert!(!ended.killed, "{ended:?}");
    assert_eq!(ended.code(), 128 + 15);
    assert!(
        began.elapsed() < GRACE / 2,
        "nobody waits for a grace that is not needed"
    );
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| !runs(pid)));
    assert!(!exists(&pids[0]), "the leader is reaped");
}

#[test]
fn what_ignores_sigterm_is_killed_when_the_grace_is_over() {
    let (mut group, _out, pids) = started("trap '' TERM; sleep 1000 & say $!; wait");
    let grace = Duration::from_millis(150);
    let began = Instant::now();

    let ended = group.stop(grace).unwrap();

    assert!(began.elapsed() >= grace);
    assert!(ended.killed);
    assert_eq!((ended.code(), ended.orphans), (128 + 9, 1));
    assert!(pids.iter().all(|pid| !runs(pid)));
}

#[test]
fn what_its_leader_left_behind_is_ended_too() {
    let (mut group, _out, pids) = started("sleep 1000 & say $!; exit 7");
    let status = group.wait(&Stop::new()).unwrap().unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(
        group.try_wait().unwrap(),
        Some(status),
        "as often as one likes"
    );
    assert!(
        exists(&pids[0]),
        "the leader is not reaped: its id stays taken"
    );
    assert!(runs(&pids[1]), "its child runs on");

    let ended = group.stop(GRACE).unwrap();

    assert_eq!(
        (ended.status, ended.killed, ended.orphans),
        (status, false, 1)
    );
    assert!(pids.iter().all(|pid| !runs(pid)));
    assert_eq!(
        group.stop(GRACE).unwrap(),
        ended,
        "a second time changes nothing"
    );
    let late = group.signal(15).unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_group_is_paused_resumed_and_heard_when_it_ends_while_it_is_paused() {
    let (mut group, _out, pids) = started("sleep 1000 & say $!; wait");

    group.pause().unwrap();
    wait_until("all are stopped", || {
        pids.iter().all(|pid| state(pid) == Some('T'))
    });
    group.resume().unwrap();
    wait_until("all go on", || {
        pids.iter().all(|pid| state(pid) == Some('S'))
    });
    group.pause().unwrap();
    let ended = group.stop(GRACE).unwrap();

    assert!(!ended.killed, "{ended:?}");
}

#[test]
fn a_signal_reaches_the_whole_group() {
    let nap = "while :; do sleep 0.01; done";
    let inner = format!("(trap 'echo inner; exit' USR1; say; {nap}) &");
    let (group, out, _) = started(&format!("trap 'echo outer; exit' USR1; {inner} {nap}"));
    let mut lines = BufReader::new(out).lines();

    group.signal(10).unwrap();

    let mut heard: Vec<_> = lines.by_ref().take(2).map(Result::unwrap).collect();
    heard.sort();
    assert_eq!(heard, ["inner", "outer"]);
    let unknown = group.signal(4711).unwrap_err();
    assert_eq!(unknown.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_wait_ends_with_its_stop_and_leaves_the_child_alone() {
    let (group, _out, pids) = started("say; exec sleep 1000");
    let stop = Stop::new();

    assert_eq!(
        group.wait(&stop.within(Duration::from_millis(20))).unwrap(),
        None
    );
    thread::scope(|scope| {
        let waiter = scope.spawn(|| group.wait(&stop).unwrap());
        stop.stop(Reason::Requested);
        assert_eq!(waiter.join().unwrap(), None);
    });

    assert!(runs(&pids[0]));
    assert_eq!(group.try_wait().unwrap(), None);
}

#[test]
fn a_child_that_a_real_time_signal_killed_has_that_status() {
    let (mut group, _out, _) = started("say; kill -40 $$");

    let status = group.wait(&Stop::new()).unwrap().expect("it has ended");

    assert_eq!(status.signal(), Some(40));
    assert_eq!(group.stop(GRACE).unwrap().status, status);
}

#[test]
fn a_drop_ends_the_group() {
    let (group, _out, pids) = started("trap '' TERM; sleep 1000 & say $!; wait");

    drop(group.with_grace(Duration::ZERO));

    assert!(pids.iter().all(|pid| !runs(pid)));
}

#[test]
fn a_command_that_is_not_there_is_an_error() {
    let refused = Group::spawn(&mut Command::new("/nowhere/at/all"));

    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_group_ends_when_the_process_that_wanted_it_is_killed() {
    play();
    let mut owner = Group::spawn(role("owner").stdout(Stdio::piped())).unwrap();
    let mut out = BufReader::new(owner.stdout().unwrap());
    let pids = told_pids(&mut out);
    assert!(
        pids.len() == 2 && pids.iter().all(|pid| runs(pid)),
        "{pids:?}"
    );
    // The supervisor is in a group of its own, so this kills its owner alone.
    owner.signal(9).unwrap();

    // The supervisor and the whole group hold the other end of this.
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();

    assert_eq!(rest.trim(), "supervisor: 143, killed false");
    wait_until("all are gone", || pids.iter().all(|pid| !runs(pid)));
}

#[test]
fn a_supervisor_passes_signals_on_and_ends_with_its_command() {
    play();
    let mut supervisor = role("supervisor")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut pipe = supervisor.stdin.take().unwrap();
    let mut out = BufReader::new(supervisor.stdout.take().unwrap());
    let pids = told_pids(&mut out);

    pipe.write_all(&[19]).unwrap();
    wait_until("all are stopped", || {
        pids.iter().all(|pid| state(pid) == Some('T'))
    });
    pipe.write_all(&[0, 255, 18, 9]).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();

    assert_eq!(rest.trim(), "supervisor: 137, killed false");
    assert!(supervisor.wait().unwrap().success());
}

/// Starts a shell script as a group, in which `say` tells the pids of the group, and returns what
/// it says after that, and the pids, the leader's first.
fn started(script: &str) -> (Group, ChildStdout, Vec<String>) {
    let script = format!("{SAY}\n{script}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::null());
    let mut group = Group::spawn(command.stdout(Stdio::piped())).unwrap();
    let mut out = group.stdout().unwrap();
    // Byte by byte, so that what comes after stays there.
    let mut line = Vec::new();
    let mut byte = [0];
    while out.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    (
        group,
        out,
        line.split_whitespace().map(str::to_owned).collect(),
    )
}

/// Tells the pid of the leader, and those that it is given.
const SAY: &str = "say() { echo $$ $*; }";

/// Does what the environment says, in a process that a test started to be somebody else.
fn play() {
    match env::var(ROLE).as_deref() {
        Ok("owner") => {
            let mut command = role("supervisor");
            command.stdin(Stdio::piped()).process_group(0);
            let mut child = command.spawn().unwrap();
            let _held = child.stdin.take();
            child.wait().unwrap();
        }
        Ok("supervisor") => {
            let script = "sleep 1000 & echo pids $$ $!; wait";
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdin(Stdio::null());
            let mut group = Group::spawn(&mut command).unwrap();
            let ended = group.supervise(io::stdin()).unwrap();
            println!("supervisor: {}, killed {}", ended.code(), ended.killed);
        }
        _ => return,
    }
    process::exit(0);
}

/// Reads the line in which a supervisor's group tells its pids; the test runner speaks as well.
fn told_pids(out: &mut impl BufRead) -> Vec<String> {
    let mut lines = out.lines().map(Result::unwrap);
    let pids = lines.find_map(|line| Some(line.split_once("pids ")?.1.to_owned()));
    let pids = pids.expect("the group has started");
    pids.split_whitespace().map(str::to_owned).collect()
}

/// Makes a command that runs this test again, as somebody else.
fn role(name: &str) -> Command {
    let test = thread::current();
    let test = test.name().expect("the name of the test");
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--quiet"])
        .env(ROLE, name);
    command
}

const ROLE: &str = "BEACON_TEST_ROLE";

fn exists(pid: &str) -> bool {
    state(pid).is_some()
}

fn runs(pid: &str) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

fn state(pid: &str) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        thread::yield_now();
    }
}

const GRACE: Duration = Duration::from_secs(20);
