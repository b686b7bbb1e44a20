//! What this process uses of the machine.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use nix::sys::time::TimeVal;

use crate::resources::fds;
use crate::telemetry::metric::Metric;
use crate::telemetry::page::Page;
use crate::telemetry::registry::Collect;

/// This process, as a collector: the figures that Prometheus' own clients give, under the same
/// names, the number of threads, and how much of the descriptors that it may have are open.
///
/// What cannot be read is left out.
///
/// # Examples
///
/// ```
/// use beacon::telemetry::Process;
///
/// let figures = Process.read()?;
/// assert!(figures.threads >= 1 && figures.resident_bytes > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Process {
    /// Reads the figures of this moment. That takes some tens of microseconds.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read, as in a process that has no descriptor left.
    pub fn read(self) -> io::Result<ProcessFigures> {
        let status = fs::read_to_string("/proc/self/status")?;
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        Ok(ProcessFigures {
            threads: field(&status, "Threads:")?,
            descriptors: fds::open()?,
            descriptors_max: fds::limit()?.soft,
            resident_bytes: field(&status, "VmRSS:")? * 1024, // The file tells it in kB.
            cpu: duration(usage.user_time()) + duration(usage.system_time()),
        })
    }
}

impl Process {
    /// Counts threads and descriptors of this moment, and leaves the other figures at zero. That
    /// takes some microseconds and, since Linux 6.2, neither memory nor a descriptor.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read; before Linux 6.2 also when no descriptor is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::telemetry::Process;
    ///
    /// assert!(Process.count()?.threads >= 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn count(self) -> io::Result<ProcessFigures> {
        // A folder has a link in itself and one above it, and this one has one for each thread.
        let links = fs::metadata("/proc/self/task")?.nlink();
        Ok(ProcessFigures {
            threads: links.saturating_sub(2),
            descriptors: fds::open()?,
            descriptors_max: fds::limit()?.soft,
            ..ProcessFigures::default()
        })
    }
}

/// The figures of a [`Process`] at one moment.
///
/// # Examples
///
/// ```
/// use beacon::telemetry::ProcessFigures;
///
/// let figures = ProcessFigures { descriptors: 512, descriptors_max: 1024, ..Default::default() };
/// assert_eq!(figures.descriptors_load(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProcessFigures {
    /// How many threads it has.
    pub threads: u64,
    /// How many descriptors are open.
    pub descriptors: u64,
    /// How many may be open; `u64::MAX` if there is no limit.
    pub descriptors_max: u64,
    /// How much of its memory is in RAM, in bytes.
    pub resident_bytes: u64,
    /// How long its threads have run, in user mode and in the kernel.
    pub cpu: Duration,
}

impl ProcessFigures {
    /// Returns which part of the descriptors that it may have are open: 0.0 to 1.0.
    #[must_use]
    pub fn descriptors_load(&self) -> f64 {
        as_float(self.descriptors) / as_float(self.descriptors_max.max(1))
    }
}

impl Collect for Process {
    fn collect(&self, page: &mut Page) {
        match self.read() {
            Ok(figures) => {
                put_counts(&figures, page);
                page.gauge(&RESIDENT, &[], as_float(figures.resident_bytes));
                page.fractional_counter(&CPU, &[], figures.cpu.as_secs_f64());
            }
            Err(error) => {
                log::warn!("figures of the process are missing: {error}");
                // With no descriptor left to read them with, this tells of it.
                if let Ok(figures) = self.count() {
                    put_counts(&figures, page);
                }
            }
        }
    }
}

fn put_counts(figures: &ProcessFigures, page: &mut Page) {
    page.gauge(&THREADS, &[], as_float(figures.threads));
    page.gauge(&DESCRIPTORS, &[], as_float(figures.descriptors));
    page.gauge(&DESCRIPTORS_MAX, &[], as_float(figures.descriptors_max));
    page.gauge(&DESCRIPTORS_LOAD, &[], figures.descriptors_load());
}

const THREADS: Metric = Metric::gauge("process_threads", "Threads of the process.");
const DESCRIPTORS: Metric = Metric::gauge("process_open_fds", "Open file descriptors.");
const DESCRIPTORS_MAX: Metric =
    Metric::gauge("process_max_fds", "File descriptors that may be open.");
const DESCRIPTORS_LOAD: Metric = Metric::gauge(
    "process_fds_utilization_ratio",
    "Part of the file descriptors that may be open which are.",
);
const RESIDENT: Metric = Metric::gauge("process_resident_memory_bytes", "Memory that is in RAM.");
const CPU: Metric = Metric::counter(
    "process_cpu_seconds_total",
    "Time that the threads have run, in user mode and in the kernel.",
);

/// Returns the number behind `name` in a file of lines like `Threads: 7`.
fn field(status: &str, name: &str) -> io::Result<u64> {
    let behind = status.lines().find_map(|line| line.strip_prefix(name));
    let number = behind.and_then(|text| text.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| {
        let text = format!("/proc/self/status has no number behind `{name}`");
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

/// Returns a time that the kernel counted, which is never negative.
fn duration(time: TimeVal) -> Duration {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec()).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the format holds 53 bits anyway"
)]
fn as_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Instant;

    use super::*;

    #[test]
    fn descriptors_threads_and_time_show() {
        let before = Process.read().unwrap();
        let files: Vec<_> = (0..40).map(|_| File::open("/dev/null").unwrap()).collect();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }

        let after = Process.read().unwrap();

        // Other tests open and close some meanwhile, but not so many.
        assert!(
            after.descriptors + 20 > before.descriptors + 40,
            "{before:?} {after:?}"
        );
        assert!(after.cpu > before.cpu);
        assert!((0.0..1.0).contains(&after.descriptors_load()));
        drop(files);
    }

    #[test]
    fn the_quick_count_agrees_with_the_figures_that_are_read() {
        // Other tests have threads too: some moment is quiet.
        let agreed = (0..1000).any(|_| {
            let (read, counted) = (Process.read().unwrap(), Process.count().unwrap());
            let of = |figures: &ProcessFigures| (figures.threads, figures.descriptors);
            of(&read) == of(&counted) && read.descriptors_max == counted.descriptors_max
        });

        assert!(agreed);
    }

    #[test]
    fn a_field_is_found_by_its_name_and_missed_when_it_is_not_there() {
        let status = "Name:\ta\nVmRSS:\t    4096 kB\nThreads:\t7\n";

        assert_eq!(field(status, "Threads:").unwrap(), 7);
        assert_eq!(field(status, "VmRSS:").unwrap(), 4096);
        let missing = field(status, "VmSwap:").unwrap_err();
        assert!(missing.to_string().contains("`VmSwap:`"));
    }
}
