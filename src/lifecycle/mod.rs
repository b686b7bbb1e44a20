//! Who runs, and how it ends.
//!
//! What a program starts it has to end, in the right order and in a known time, whatever fails on
//! the way. The parts know nothing of multicast DNS, and each serves alone:
//!
//! - [`Tasks`]: threads that are counted, can be stopped, and are gone when joined; among them
//!   tickers and pools of workers
//! - [`Shutdown`]: the steps by which a program ends, in their order and before a deadline; also
//!   what undoes a start that failed half way
//! - `Signals` (feature `signals`): what SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask for
//! - [`Group`]: a child process and its descendants
//! - [`Census`]: what the process holds, to show that nothing was left behind
//!
//! What everything that waits takes is a [`Stop`](crate::stop::Stop).

mod census;
mod group;
mod jobs;
mod leader;
mod outcome;
mod pool;
mod proc;
mod roll;
mod shutdown;
#[cfg(feature = "signals")]
mod signals;
mod supervise;
mod tasks;
mod thread;

pub use census::Census;
pub use census::Growth;
pub use census::Leak;
pub use group::Ended;
pub use group::Group;
pub use jobs::Jobs;
pub use outcome::Outcome;
pub use roll::Failure;
pub use roll::Tally;
pub use roll::Task;
pub use roll::TaskId;
pub use roll::Term;
pub use shutdown::Phase;
pub use shutdown::Report;
pub use shutdown::Shutdown;
pub use shutdown::Step;
pub use shutdown::StepEnd;
pub use shutdown::StepId;
#[cfg(feature = "signals")]
pub use signals::Hangup;
#[cfg(feature = "signals")]
pub use signals::Signal;
#[cfg(feature = "signals")]
pub use signals::Signals;
pub use tasks::SpawnError;
pub use tasks::Tasks;
pub use tasks::Unfinished;
