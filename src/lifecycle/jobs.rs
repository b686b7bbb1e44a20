//! Where workers get their jobs from.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use crossbeam_channel::select_biased;

use crate::resources;
use crate::stop::Stop;
use crate::stop::Wake;

/// A queue that several workers take jobs from.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Jobs;
/// use beacon::stop::Stop;
///
/// let (sender, jobs) = crossbeam_channel::bounded(2);
/// sender.send("first")?;
/// sender.send("second")?;
/// drop(sender);
///
/// let mut done = Vec::new();
/// jobs.each(&Stop::new(), &mut |job| done.push(job));
/// assert_eq!(done, ["first", "second"]);
/// # Ok::<(), crossbeam_channel::SendError<&str>>(())
/// ```
pub trait Jobs: Send + Sync + 'static {
    /// What is handed over.
    type Job;

    /// Waits for jobs and hands them to `work`, one after the other, until `stop` ends or no more
    /// can come. A job that was taken is handed over.
    fn each(&self, stop: &Stop, work: &mut dyn FnMut(Self::Job));
}

impl<T: Send + 'static> Jobs for Receiver<T> {
    type Job = T;

    fn each(&self, stop: &Stop, work: &mut dyn FnMut(T)) {
        let (ring, stopped) = bounded(1);
        let _watching = stop.watch(Arc::new(Bell(ring)) as Arc<dyn Wake>);
        // A deadline rings nobody.
        let deadline = stop
            .deadline()
            .map_or_else(crossbeam_channel::never, crossbeam_channel::at);
        while !stop.is_stopped() {
            select_biased! {
                recv(stopped) -> _ => return,
                recv(deadline) -> _ => return,
                recv(self) -> job => match job {
                    Ok(job) => work(job),
                    Err(_) => return,
                },
            }
        }
    }
}

impl<T: Send + 'static> Jobs for resources::Receiver<T> {
    type Job = T;

    fn each(&self, stop: &Stop, work: &mut dyn FnMut(T)) {
        // Asked first, since a receive returns what there is even after the stop.
        while !stop.is_stopped() {
            match self.recv(stop) {
                Ok(job) => work(job),
                Err(_) => return,
            }
        }
    }
}

/// Rings once and stays rung.
struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(&self) {
        // Full means that it was rung.
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Overflow;
    use crate::stop::Reason;

    #[test]
    fn after_the_stop_no_job_is_taken_from_either_kind_of_queue() {
        let (sender, channel) = bounded(3);
        (1..=3).for_each(|job| sender.send(job).unwrap());
        let (sender, queue) = resources::queue("jobs", 3, Overflow::Block);
        (1..=3).for_each(|job| sender.try_send(job).unwrap());

        assert_eq!(done_when_the_first_stops(&channel), [1]);
        assert_eq!(done_when_the_first_stops(&queue), [1]);
    }

    fn done_when_the_first_stops(jobs: &impl Jobs<Job = i32>) -> Vec<i32> {
        let (stop, mut done) = (Stop::new(), Vec::new());
        jobs.each(&stop, &mut |job| {
            done.push(job);
            stop.stop(Reason::Requested);
        });
        done
    }
}
