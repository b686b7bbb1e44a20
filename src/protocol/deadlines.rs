//! Deadlines of numbered places, in the order in which they fall due.
//!
//! The same promise as that of [`Timers`](crate::protocol::timers::Timers), for the many places of
//! a cache: moving a deadline allocates nothing, since a heap stands in a list and a second list
//! says where in it each place is.

use std::time::Instant;

/// At most one deadline for each place; those of one instant come in the order of their places.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// No deadline is earlier than that of its parent, half its position.
    heap: Vec<(Instant, u32)>,
    /// Where in the heap the deadline of each place is, [`NOWHERE`] for none.
    positions: Vec<usize>,
}

impl Deadlines {
    /// Sets the deadline of `place`, whatever it was before.
    pub(crate) fn set(&mut self, place: u32, due: Instant) {
        let position = match self.position(place) {
            Some(position) => position,
            None => {
                let places = place as usize + 1;
                if self.positions.len() < places {
                    self.positions.resize(places, NOWHERE);
                }
                self.heap.push((due, place));
                self.positions[place as usize] = self.heap.len() - 1;
                self.heap.len() - 1
            }
        };
        self.heap[position].0 = due;
        let position = self.rise(position);
        self.sink(position);
    }

    /// Sets the deadline of `place` unless it has an earlier one.
    pub(crate) fn set_no_later(&mut self, place: u32, due: Instant) {
        let before = self.position(place).map(|position| self.heap[position].0);
        if before.is_none_or(|before| before > due) {
            self.set(place, due);
        }
    }

    pub(crate) fn cancel(&mut self, place: u32) {
        if let Some(position) = self.position(place) {
            self.remove(position);
        }
    }

    /// Returns the earliest deadline of all.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|(due, _)| *due)
    }

    /// Takes out the place that is due first, if its deadline is `now` or earlier.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<u32> {
        let (due, place) = *self.heap.first()?;
        if due > now {
            return None;
        }
        self.remove(0);
        Some(place)
    }

    fn position(&self, place: u32) -> Option<usize> {
        let position = self.positions.get(place as usize).copied();
        position.filter(|position| *position != NOWHERE)
    }

    fn remove(&mut self, position: usize) {
        let (_, place) = self.heap.swap_remove(position);
        self.positions[place as usize] = NOWHERE;
        if let Some((_, moved)) = self.heap.get(position) {
            self.positions[*moved as usize] = position;
            let position = self.rise(position);
            self.sink(position);
        }
    }

    /// Moves a deadline up past the later ones above it, and returns its position.
    fn rise(&mut self, mut position: usize) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.heap[parent] <= self.heap[position] {
                break;
            }
            self.swap(parent, position);
            position = parent;
        }
        position
    }

    /// Moves a deadline down past the earlier ones below it.
    fn sink(&mut self, mut position: usize) {
        loop {
            let children = (2 * position + 1)..(2 * position + 3).min(self.heap.len());
            let Some(first) = children.min_by_key(|child| self.heap[*child]) else {
                return;
            };
            if self.heap[position] <= self.heap[first] {
                return;
            }
            self.swap(position, first);
            position = first;
        }
    }

    fn swap(&mut self, one: usize, two: usize) {
        self.heap.swap(one, two);
        for position in [one, two] {
            let (_, place) = self.heap[position];
            self.positions[place as usize] = position;
        }
    }
}

/// The position of what has no deadline.
const NOWHERE: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;
    use crate::protocol::timers::Timers;

    proptest! {
        #[test]
        fn deadlines_come_as_timers_say(steps in vec((0_u8..5, 0_u32..20, 0_u64..50), 0..400)) {
            let start = Instant::now();
            let (mut deadlines, mut timers) = (Deadlines::default(), Timers::new());

            for (step, place, time) in steps {
                let at = start + Duration::from_secs(time);
                match step {
                    0 | 1 => {
                        deadlines.set(place, at);
                        timers.set(place, at);
                    }
                    2 => {
                        deadlines.set_no_later(place, at);
                        timers.set_no_later(place, at);
                    }
                    3 => {
                        deadlines.cancel(place);
                        timers.cancel(place);
                    }
                    _ => prop_assert_eq!(deadlines.pop(at), timers.pop(at)),
                }
                prop_assert_eq!(deadlines.next(), timers.next());
            }
        }
    }
}
