//! A network namespace for one test: whatever it sends, nobody hears.

use std::any::type_name;
use std::error::Error;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::{env, fs, thread};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};

/// What a test in a namespace returns, so that it can use `?`.
pub(super) type Outcome = Result<(), Box<dyn Error>>;

/// Runs a test on a thread that is alone in a fresh network namespace, with `lo` up and without
/// the wait for duplicate addresses.
///
/// Without the right to make one, the test runs again in a child process that is root in a user
/// namespace. Where that is refused too, it says so and passes; with `CI` set it fails.
pub(super) fn in_namespace<F: FnOnce() -> Outcome + Send>(test: F) {
    let test_name = type_name::<F>();
    let ran = on_a_thread(|| {
        enter()?;
        if let Err(e) = test() {
            panic!("{e}");
        }
        Ok(())
    });
    if let Err(refusal) = ran.or_else(|refusal| in_user_namespace(test_name, refusal)) {
        let message = format!("skipped, because namespaces are refused ({refusal}): {test_name}");
        assert!(env::var_os("CI").is_none(), "{message}");
        // Past the test harness, which would keep it to itself.
        writeln!(io::stderr(), "{message}").expect("standard error is open");
    }
}

/// Runs `ip` commands, one a line, in the namespace of this thread.
pub(super) fn ip(commands: &str) {
    let mut ip = Command::new("ip");
    let mut child = ip
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("ip is there");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(commands.as_bytes()).expect("ip reads");
    drop(input);
    let status = child.wait().expect("ip ends");
    assert!(status.success(), "ip refused one of: {commands}");
}

/// Writes a setting below `/proc/sys/net`, which shows the namespace of this thread.
pub(super) fn set(setting: &str, value: &str) -> io::Result<()> {
    fs::write(format!("/proc/sys/net/{setting}"), value)
}

/// Another host: a thread in a namespace of its own. It ends when this is dropped.
pub(super) struct Neighbor {
    work: mpsc::Sender<Work>,
    thread: Pid,
}

type Work = Box<dyn FnOnce() -> Outcome + Send>;

impl Neighbor {
    pub(super) fn start() -> Self {
        let (work, inbox) = mpsc::channel::<Work>();
        let (ready, started) = mpsc::channel();
        thread::spawn(move || {
            enter().expect("allowed, since this test has a namespace already");
            ready.send(gettid()).expect("somebody waits");
            for work in inbox {
                work().expect("the neighbor's part of the test");
            }
        });
        let thread = started
            .recv()
            .expect("the neighbor has entered its namespace");
        Self { work, thread }
    }

    /// Returns what `ip link set DEVICE netns` takes to move an interface to this host.
    pub(super) fn namespace(&self) -> Pid {
        self.thread
    }

    /// Has the neighbor do something, and waits until it is done.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Box<dyn Error>> + Send + 'static,
    ) -> T {
        let (done, result) = mpsc::channel();
        let work = move || Ok(done.send(work()?)?);
        self.work.send(Box::new(work)).expect("the neighbor runs");
        result.recv().expect("the neighbor did its part")
    }
}

/// Why there is no namespace.
type Refusal = io::Error;

fn on_a_thread(work: impl FnOnce() -> Result<(), Refusal> + Send) -> Result<(), Refusal> {
    thread::scope(|scope| {
        let joined = scope.spawn(work).join();
        joined.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn enter() -> Result<(), Refusal> {
    let version = Command::new("ip").arg("-V").stdout(Stdio::null()).status();
    version.map_err(|e| io::Error::new(e.kind(), format!("the command `ip`: {e}")))?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    // Else an IPv6 address cannot be used for two seconds.
    for whom in ["all", "default"] {
        match set(&format!("ipv6/conf/{whom}/accept_dad"), "0") {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {} // a kernel without IPv6
            done => done?,
        }
    }
    ip("link set lo up");
    Ok(())
}

/// Runs a test again by its name, as root of a user namespace.
fn in_user_namespace(test_name: &str, refusal: Refusal) -> Result<(), Refusal> {
    let mut probe = user_namespace("true");
    let allowed = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if env::var_os(NESTED).is_some() || !allowed.is_ok_and(|status| status.success()) {
        return Err(refusal);
    }
    let path = test_name.split("::").skip(1); // without the name of the crate
    let path: Vec<_> = path.take_while(|part| !part.starts_with('{')).collect();
    let binary = env::current_exe()?;
    let status = user_namespace(binary)
        .args([path.join("::").as_str(), "--exact", "--nocapture"])
        .env(NESTED, "1")
        .stdout(Stdio::null())
        .status()?;
    assert!(
        status.success(),
        "{test_name} failed in a user namespace; its reason stands above"
    );
    Ok(())
}

fn user_namespace(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--"])
        .arg(program);
    command
}

const NESTED: &str = "BEACON_TEST_IN_USER_NAMESPACE";
