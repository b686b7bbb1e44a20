//! Signals, sent to processes of their own.
#![cfg(feature = "signals")]
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

mod support;

use std::env;
use std::fs;
use std::process;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use beacon::lifecycle::Hangup;
use beacon::lifecycle::Signal as Asked;
use beacon::lifecycle::Signals;
use beacon::stop::Stop;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use nix::sys::signal::Signal;
use support::Process;

#[test]
fn a_loop_is_told_what_each_signal_asks_for() {
    play();
    let mut looping = start("loop");

    for (signal, asks) in [
        (Signal::SIGHUP, "[Reload]"),
        (Signal::SIGUSR1, "[Dump]"),
        (Signal::SIGHUP, "[Reload]"),
        (Signal::SIGTERM, "[Stop(15)]"),
    ] {
        looping.signal(signal);
        say(&mut looping, asks);
    }
    say(&mut looping, "stopped by Some(Signal(15))");

    assert!(looping.finish(SOON).status.success());
}

#[test]
fn the_first_signal_stops_the_second_forces_and_the_third_ends_a_process_that_hangs() {
    play();
    let mut hanging = start("hang");

    hanging.signal(Signal::SIGINT);
    hanging.signal(Signal::SIGTERM); // As close as this they are one, sent twice.
    say(&mut hanging, "stop: Signal("); // Whichever of its threads was first.
    thread::sleep(SAME_SIGNAL);
    hanging.signal(Signal::SIGTERM);
    say(&mut hanging, "force: Signal(15)");
    thread::sleep(SAME_SIGNAL);
    hanging.signal(Signal::SIGINT);
    let ended = hanging.finish(SOON);

    assert_eq!(ended.status.code(), Some(128 + 2));
}

#[test]
fn a_hangup_that_ends_is_counted_with_the_other_signals() {
    play();
    let mut hanging = start("hang up");

    hanging.signal(Signal::SIGHUP);
    say(&mut hanging, "stop: Signal(1)");
    thread::sleep(SAME_SIGNAL);
    hanging.signal(Signal::SIGTERM);
    say(&mut hanging, "force: Signal(15)");
    thread::sleep(SAME_SIGNAL);
    hanging.signal(Signal::SIGHUP);

    assert_eq!(hanging.finish(SOON).status.code(), Some(128 + 1));
}

#[test]
fn a_signal_that_comes_when_nobody_listens_any_more_does_nothing() {
    play();
    let mut deaf = start("deaf");

    deaf.signal(Signal::SIGTERM);
    deaf.signal(Signal::SIGHUP);
    deaf.signal(Signal::SIGUSR2);
    say(&mut deaf, "ended by itself");

    assert!(deaf.finish(SOON).status.success());
}

fn start(role: &str) -> Process {
    let test = thread::current();
    let test = test.name().expect("the name of the test");
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--quiet"])
        .env(ROLE, role);
    let mut process = Process::spawn(&mut command, role);
    say(&mut process, "ready");
    process
}

fn say(process: &mut Process, line: &str) {
    process.expect_line(line, SOON, |said| said.contains(line).then_some(()));
}

/// Does what the environment says, in a process that a test started for it.
fn play() {
    match env::var(ROLE).as_deref() {
        Ok("loop") => run_loop(),
        Ok("hang") => hang(Hangup::Reloads),
        Ok("hang up") => hang(Hangup::Ends),
        Ok("deaf") => be_deaf(),
        _ => return,
    }
    process::exit(0);
}

fn run_loop() {
    let stop = Stop::new();
    let mut signals = Signals::install(&stop).unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registry()
        .register(&mut signals, Token(0), Interest::READABLE)
        .unwrap();
    let mut events = Events::with_capacity(4);
    println!("ready");
    loop {
        match poll.poll(&mut events, None) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => panic!("{error}"),
        }
        let asked = signals.pending();
        if !asked.is_empty() {
            println!("{asked:?}");
        }
        if asked.iter().any(|signal| matches!(signal, Asked::Stop(_))) {
            break;
        }
    }
    println!("stopped by {:?}", stop.reason());
}

/// Looks at nothing at all, but for what its tellers tell.
fn hang(hangup: Hangup) {
    let stop = Stop::new();
    let signals = Signals::install_with(&stop, hangup).unwrap();
    for (name, waited) in [("stop", stop.clone()), ("force", signals.force().clone())] {
        thread::spawn(move || {
            while !waited.wait(Duration::MAX) {}
            println!("{name}: {:?}", waited.reason().unwrap());
        });
    }
    println!("ready");
    loop {
        thread::park();
    }
}

/// Ends with the one signal that is caught by somebody else.
fn be_deaf() {
    let before = fs::read_dir("/proc/self/task").unwrap().count();
    drop(Signals::install(&Stop::new()).unwrap());
    let after = fs::read_dir("/proc/self/task").unwrap().count();
    assert_eq!(after, before, "its thread is gone");
    let over = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGUSR2, Arc::clone(&over)).unwrap();
    println!("ready");
    while !over.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    println!("ended by itself");
}

const ROLE: &str = "BEACON_TEST_ROLE";
const SOON: Duration = Duration::from_secs(10);

/// Signals that are closer than this are taken for one.
const SAME_SIGNAL: Duration = Duration::from_millis(100);
