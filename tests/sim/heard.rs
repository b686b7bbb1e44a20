//! What was heard lately, by name: the reasons for whatever a host says next.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use beacon::wire::Message;
use beacon::wire::RecordRef;
use beacon::wire::RecordType;

use crate::form;
use crate::keys;
use crate::keys::NameKey;
use crate::packet::MDNS_PORT;
use crate::packet::Packet;

/// The last few seconds on the link.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    by_name: HashMap<NameKey, VecDeque<Item>>,
    order: VecDeque<(Duration, NameKey)>,
}

/// Something that was said of a name.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) at: Duration,
    to: Rc<[usize]>,
    pub(crate) what: What,
}

/// What was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
    Question(RecordType, Manner),
    /// A record, with a TTL that its owner cannot leave at that.
    WeakRecord,
}

/// How a question was asked, as far as the delay of its answer goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// Beside records that its sender wants for itself.
    Probe,
    /// Alone in its message.
    Single,
    /// Among others.
    Several,
    /// In a query whose known answers go on.
    Unfinished,
}

impl Heard {
    /// Takes note of a message that reaches these hosts, in ascending order, at `now`.
    pub(crate) fn note(
        &mut self,
        now: Duration,
        packet: &Packet,
        message: &Message<'_>,
        to: &Rc<[usize]>,
    ) {
        self.forget(now);
        if message.header().response {
            let weak = |record: &RecordRef<'_>| record.ttl().0 < form::own_ttl(record) / 2;
            for record in message.all_records().filter(weak) {
                self.put(now, keys::name(record.name()), What::WeakRecord, to);
            }
            return;
        }
        for question in message.questions() {
            let mut proposed = message.authorities();
            let manner = if proposed.any(|record| record.name() == question.name()) {
                Manner::Probe
            } else if message.header().truncated && packet.source.port() == MDNS_PORT {
                Manner::Unfinished
            } else if message.question_count() > 1 {
                Manner::Several
            } else {
                Manner::Single
            };
            let what = What::Question(question.record_type(), manner);
            self.put(now, keys::name(question.name()), what, to);
        }
    }

    /// Returns what a host heard of a name lately, oldest first.
    pub(crate) fn by(&self, host: usize, name: NameKey) -> impl Iterator<Item = &Item> {
        let all = self.by_name.get(&name).into_iter().flatten();
        all.filter(move |item| item.to.binary_search(&host).is_ok())
    }

    fn put(&mut self, at: Duration, name: NameKey, what: What, to: &Rc<[usize]>) {
        let to = Rc::clone(to);
        let items = self.by_name.entry(name).or_default();
        items.push_back(Item { at, to, what });
        self.order.push_back((at, name));
    }

    fn forget(&mut self, now: Duration) {
        while let Some((at, name)) = self.order.front().copied() {
            if at + KEPT >= now {
                return;
            }
            self.order.pop_front();
            if let Some(items) = self.by_name.get_mut(&name) {
                items.pop_front();
                if items.is_empty() {
                    self.by_name.remove(&name);
                }
            }
        }
    }
}

/// How long a reason may be one: an answer waits 500 ms for known answers, 500 ms for company and a
/// second for the one-second limit at most.
const KEPT: Duration = Duration::from_millis(2_100);
