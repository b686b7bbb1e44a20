//! What can be seen of a running program.
//!
//! The parts know nothing of multicast DNS:
//!
//! - [`Metric`]: a name, what it means and what kind of figure it is, checked when we compile
//! - [`Registry`] and [`Collect`]: who has figures, and all of them as Prometheus text or JSON
//! - [`Process`]: threads, descriptors, memory and CPU time of this process
//! - [`Watch`] and [`Warning`]: what becomes too much, told once; [`Latency`]: what takes too long
//!
//! Nothing here has a thread or a timer: figures are read when somebody asks. What is counted
//! while the program runs stands in [`meter`](crate::meter).

mod json;
mod latency;
mod metric;
mod page;
mod process;
mod prometheus;
mod registry;
mod sources;
mod watch;

pub use latency::Latency;
pub use metric::Kind;
pub use metric::Metric;
pub use page::Page;
pub use process::Process;
pub use process::ProcessFigures;
pub use registry::Collect;
pub use registry::Registry;
pub use watch::Sight;
pub use watch::Thresholds;
pub use watch::Warning;
pub use watch::Watch;
