//! Doubt: what was heard and may not hold any more.
//!
//! Read RFC 6762 §10.3 (the network changed) and §10.4 (what was heard turned out to be wrong)
//! first. What is doubted is asked for and not listed as known, and goes unless it is heard again.
//!
//! Not here: what speaks against a record without anybody saying so (`learning`).

use std::time::Duration;
use std::time::Instant;

use crate::dnssd::InstanceName;
use crate::protocol::engine::Engine;
use crate::protocol::engine::state::LinkState;
use crate::protocol::engine::state::Tools;
use crate::protocol::link::LinkId;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordType;
use crate::wire::Ttl;

impl Engine {
    /// Takes the hint that a record seems to be wrong: that a host did not answer at an address,
    /// or no service at a port. On one link, or wherever it is held. Tells whether it is held.
    ///
    /// It is asked for three times within three seconds. If nobody says it again within ten, it is
    /// dropped, whatever its TTL.
    ///
    /// # RFC
    ///
    /// 6762 §10.4.
    pub fn reconfirm(&mut self, now: Instant, record: &Record, on: Option<LinkId>) -> bool {
        self.advance(now);
        let mut held = false;
        for state in self.links.values_mut() {
            if on.is_none_or(|link| link == state.link.id()) {
                let place = state.cache.find_record(record);
                held |= place.is_some();
                doubt(state, place, &mut self.tools);
            }
        }
        held
    }

    /// Takes the hint that an instance cannot be reached: everything that leads there is doubted,
    /// from the pointers at its type and subtypes that are browsed for to its host's addresses. On
    /// one link, or wherever it was heard of. Tells whether it was.
    ///
    /// # RFC
    ///
    /// 6762 §10.4.
    pub fn reconfirm_instance(
        &mut self,
        now: Instant,
        instance: &InstanceName,
        on: Option<LinkId>,
    ) -> bool {
        self.advance(now);
        let name = instance.name();
        let browsed = self.subscriptions.values();
        let browsed = browsed.filter_map(|subscription| subscription.browse_name().cloned());
        let mut owners: Vec<Name> = browsed.chain(name.parent()).collect();
        owners.sort_unstable();
        owners.dedup();
        let pointer = |owner| Record::new(owner, Ttl(0), Rdata::Ptr(name.clone()));
        let pointers: Vec<Record> = owners.into_iter().map(pointer).collect();
        let mut held = false;
        for state in self.links.values_mut() {
            if on.is_none_or(|link| link == state.link.id()) {
                let mut places = paths(state, name);
                places.extend(
                    pointers
                        .iter()
                        .filter_map(|pointer| state.cache.find_record(pointer)),
                );
                held |= !places.is_empty();
                doubt(state, places, &mut self.tools);
            }
        }
        held
    }

    /// Asks everything on a link from the start, and lets what was heard there go unless it is
    /// heard again within `wait`.
    pub(crate) fn doubt_all(&mut self, link: LinkId, wait: Duration) {
        if let Some(state) = self.links.get_mut(&link) {
            let ask = state.restart_questions(&mut self.tools);
            state.cache.doubt_all(ask, self.tools.now + wait);
        }
    }
}

/// Lets records go unless they are heard again, and asks for them.
fn doubt(state: &mut LinkState, places: impl IntoIterator<Item = u32>, tools: &mut Tools) {
    let now = tools.now;
    let until = now + RECONFIRM_WAIT;
    for place in places {
        let Some(cached) = state.cache.get(place) else {
            continue;
        };
        let (name, record_type) = (cached.record().name.clone(), cached.record().record_type());
        let chance = &mut tools.chance;
        let ask = state
            .questions
            .open_until(now, &name, record_type, until, chance);
        state.cache.doubt(place, ask, until);
        state.questions.refresh_by(name.key(), record_type, ask);
    }
}

/// Returns the places of the records that tell how to reach an instance.
fn paths(state: &LinkState, instance: &Name) -> Vec<u32> {
    let held =
        |owner: &Name, record_type| state.cache.answers_with_places(owner.key(), record_type);
    let mut places = Vec::new();
    for (place, cached) in held(instance, RecordType::SRV) {
        places.push(place);
        if let Rdata::Srv(srv) = &cached.record().rdata {
            for record_type in [RecordType::A, RecordType::AAAA] {
                places.extend(held(&srv.target, record_type).map(|(place, _)| place));
            }
        }
    }
    places.extend(held(instance, RecordType::TXT).map(|(place, _)| place));
    places
}

/// How long a record that seems to be wrong has to be heard again. RFC 6762 §10.4.
const RECONFIRM_WAIT: Duration = Duration::from_secs(10);
