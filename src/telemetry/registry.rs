//! Who has figures to show.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::telemetry::page::Page;

/// Something that has figures.
///
/// # Examples
///
/// ```
/// use beacon::meter::Counter;
/// use beacon::telemetry::{Collect, Metric, Page};
///
/// const SERVED: Metric = Metric::counter("app_served_total", "Requests served.");
///
/// struct Server { served: Counter }
///
/// impl Collect for Server {
///     fn collect(&self, page: &mut Page) {
///         page.counter(&SERVED, &[], self.served.value());
///     }
/// }
/// ```
pub trait Collect: Send + Sync {
    /// Puts the figures as they are at this moment on `page`. It must not wait.
    fn collect(&self, page: &mut Page);
}

/// The list of those that have figures, and all of their figures at once.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use beacon::lifecycle::Tasks;
/// use beacon::stop::Stop;
/// use beacon::telemetry::{Process, Registry};
///
/// let tasks = Arc::new(Tasks::new(&Stop::new()));
/// tasks.spawn_standing("listener", |stop| while !stop.wait(std::time::Duration::MAX) {})?;
///
/// let registry = Registry::new();
/// registry.add(Arc::clone(&tasks) as _);
/// registry.add(Arc::new(Process));
///
/// let text = registry.prometheus();
/// assert!(text.contains("beacon_tasks{kind=\"listener\"} 1"));
/// assert!(text.contains("process_open_fds"));
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Default)]
pub struct Registry {
    collectors: Mutex<Vec<Arc<dyn Collect>>>,
}

impl Registry {
    /// Makes an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a collector in, for good, and with it what it keeps alive.
    ///
    /// Of two that show one metric with the same labels, as two sets of tasks with a kind in common
    /// do, the last one is seen.
    pub fn add(&self, collector: Arc<dyn Collect>) {
        self.collectors.lock().push(collector);
    }

    /// Returns what all collectors have to show at this moment.
    #[must_use]
    pub fn page(&self) -> Page {
        // Not with the lock held: a collector may add another.
        let collectors = self.collectors.lock().clone();
        let mut page = Page::default();
        for collector in collectors {
            collector.collect(&mut page);
        }
        page
    }

    /// Returns it in the Prometheus text format; see [`Page::prometheus`].
    #[must_use]
    pub fn prometheus(&self) -> String {
        self.page().prometheus()
    }

    /// Returns it as JSON; see [`Page::json`].
    #[must_use]
    pub fn json(&self) -> String {
        self.page().json()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("collectors", &self.collectors.lock().len())
            .finish()
    }
}
