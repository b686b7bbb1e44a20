//! A command and all that it starts: paused, resumed, ended; and ended when we are killed.
//!
//! ```console
//! $ cargo run --example supervise
//! $ cargo run --example supervise -- sh -c 'sleep 100 & sleep 200'
//! ```
//!
//! The first line tells a story of four groups. The second runs a command below a supervisor:
//! whatever ends this program, `kill -9` included, ends the command and its children too.

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::lifecycle::Group;
use beacon::stop::Stop;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => tell_the_story()?,
        [verb, command @ ..] if verb == SUPERVISOR => return be_supervisor(command),
        command => {
            let mut supervisor = start_below_supervisor(command)?;
            // Held until the end: `wait` would close it first, which ends the command.
            let _pipe = supervisor.stdin.take();
            let ended = supervisor.wait()?;
            return Ok(exit_code(ended.code().unwrap_or(1)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_the_story() -> Result<(), Box<dyn Error>> {
    let mut group = shell("sleep 1000 & sleep 1000 & wait")?;
    let ended = group.stop(Group::GRACE)?;
    println!(
        "one that heeds SIGTERM: exit code {}, killed: {}",
        ended.code(),
        ended.killed
    );

    let mut group = shell("trap '' TERM; touch /dev/null; while :; do sleep 1; done")?;
    wait_for(&group, 'S');
    let ended = group.stop(Duration::from_millis(200))?;
    println!(
        "one that ignores it: exit code {}, killed: {}",
        ended.code(),
        ended.killed
    );

    let mut group = shell("sleep 1000 & exit 7")?;
    let status = group.wait(&Stop::new())?;
    println!(
        "one whose leader went first, with {}",
        status.ok_or("it has ended")?
    );
    let ended = group.stop(Group::GRACE)?;
    println!(
        "  and {} that it had left behind, which is gone now",
        ended.orphans
    );

    let group = shell("sleep 1000")?;
    group.pause()?;
    wait_for(&group, 'T');
    println!("one that is paused,");
    group.resume()?;
    wait_for(&group, 'S');
    println!("  goes on, and ends with its owner");
    drop(group);

    let mut supervisor = start_below_supervisor(&["sleep".to_owned(), "1000".to_owned()])?;
    // Closed, as the kernel closes it when this process dies.
    drop(supervisor.stdin.take());
    println!(
        "one below a supervisor whose owner is gone: {}",
        supervisor.wait()?
    );
    Ok(())
}

fn shell(script: &str) -> io::Result<Group> {
    Group::spawn(Command::new("sh").args(["-c", script]).stdin(Stdio::null()))
}

/// Runs this program once more, to watch over a command on our behalf. It lives in a group of its
/// own, which Ctrl-C does not reach, and holds the reading end of a pipe of ours.
fn start_below_supervisor(command: &[String]) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .arg(SUPERVISOR)
        .args(command)
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn be_supervisor(command: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    let mut group = Group::spawn(command.args(arguments).stdin(Stdio::null()))?;
    let ended = group.supervise(io::stdin())?;
    Ok(exit_code(ended.code()))
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Waits until the leader of a group sleeps (`S`) or is stopped (`T`).
fn wait_for(group: &Group, state: char) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let stat = format!("/proc/{}/stat", group.id());
    let is_there = |text: String| {
        let after_name = text.rsplit_once(") ").map(|(_, after)| after.to_owned());
        after_name.is_some_and(|after| after.starts_with(state))
    };
    while !fs::read_to_string(&stat).is_ok_and(is_there) && Instant::now() < deadline {
        thread::yield_now();
    }
}

const SUPERVISOR: &str = "--supervisor";
