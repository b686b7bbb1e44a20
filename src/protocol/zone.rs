//! What we own on one link: the records we may answer with, name by name.
//!
//! Read RFC 6762 §2 (shared and unique records) and §6.1 (denying what a name lacks) first. A
//! record of which a name must be verified first waits behind that name, its *gate*: nothing is
//! said of a service before its name is ours.
//!
//! Not here: what the user registered ([`registry`](crate::protocol::registry)), how a name is
//! verified ([`claiming`](crate::protocol::claiming)), what is answered when
//! ([`responding`](crate::protocol::responding)).

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use smallvec::SmallVec;

use crate::protocol::few::Few;
use crate::protocol::ledger::Id;
use crate::protocol::ledger::Ledger;
use crate::protocol::link::Family;
use crate::protocol::name_map::NameMap;
use crate::protocol::sorted::IN_PLACE;
use crate::protocol::sorted::Sorted;
use crate::wire::Name;
use crate::wire::NameKey;
use crate::wire::Nsec;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordRef;
use crate::wire::RecordType;
use crate::wire::Ttl;
use crate::wire::TypeSet;

/// The records we own on one link.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    names: Ledger<NameId, Owner>,
    records: Ledger<OwnId, Own>,
    by_name: NameMap<NameId>,
    /// The pointers and SRV records by the name that they lead to, be it here or not.
    leading_to: NameMap<BTreeSet<OwnId>>,
    version: Version,
}

/// Stands for all that can be answered: while it is the same, so are the answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Version(u64);

/// A name that holds records of ours, or that others wait behind. No two names ever have the same
/// id, so that what is kept of a name that is gone cannot be taken for another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct NameId(u64);

/// A record of ours. No two records ever have the same id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OwnId(u64);

/// What can be sent as an answer: a record, or the denial of all types that a name lacks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Answer {
    Record(OwnId),
    Nsec(NameId),
}

impl Answer {
    /// What comes last of all that there can be.
    pub(crate) const LAST: Self = Self::Nsec(NameId(u64::MAX));
}

/// Several answers; a handful takes no memory of its own.
pub(crate) type Answers = SmallVec<[Answer; IN_PLACE]>;

/// How a record is owned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ownership {
    /// Other hosts may hold records of the same name and type.
    Shared,
    /// Ours alone once its name was probed for.
    Unique,
    /// Ours alone by nature, such as the reverse mapping of an own address. RFC 6762 §8.1.
    Exclusive,
}

/// A record as the registry drafts it for a link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub(crate) record: Record,
    pub(crate) ownership: Ownership,
    /// The name that must be verified before the record is used.
    pub(crate) gate: Option<Name>,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Added {
    /// The zone holds it now and did not before.
    New(OwnId),
    /// Somebody else here owns the same record; it is held once.
    Held(OwnId),
}

#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) record: Record,
    pub(crate) ownership: Ownership,
    pub(crate) name: NameId,
    /// The name here that a pointer or an SRV record leads to, if there is one.
    target: Option<NameId>,
    /// The names it waits behind, with how many drafts asked for it so.
    gates: Few<Option<NameId>, usize>,
    /// When it was last multicast, for each family.
    multicast: [Option<Instant>; 2],
    /// It was multicast, so that others hold it.
    pub(crate) announced: bool,
}

#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) name: Name,
    /// In the order of their ids, in one piece. The thousands that a service type may have go from
    /// the first to the last in the end, and no others are moved then.
    records: VecDeque<OwnId>,
    /// The pointers among them by their target: a service type may have a thousand, and nobody is
    /// to make us walk them by asking for something else.
    pointers: NameMap<OwnId>,
    /// All but the pointers.
    others: Vec<OwnId>,
    /// Records that wait behind this name.
    waiting: BTreeSet<OwnId>,
    verified: bool,
    nsec_multicast: [Option<Instant>; 2],
}

impl Zone {
    /// Adds a record, or counts one more owner of it.
    pub(crate) fn add(&mut self, draft: &Draft) -> Added {
        self.version.0 += 1;
        let gate = draft.gate.as_ref().map(|name| self.intern(name));
        let name = self.intern(&draft.record.name);
        let held = self.find_own(name, &draft.record);
        let id = held.unwrap_or_else(|| self.put(name, draft));
        *self.get_mut(id).gates.or_default(gate) += 1;
        if let Some(gate) = gate {
            self.owner_mut(gate).waiting.insert(id);
        }
        match held {
            Some(id) => Added::Held(id),
            None => Added::New(id),
        }
    }

    /// Takes a draft back. Returns the record with what it was when nobody else here owns it.
    pub(crate) fn remove(&mut self, draft: &Draft) -> Option<(OwnId, Own)> {
        self.version.0 += 1;
        let name = self.find(draft.record.name.key())?;
        let gate = match &draft.gate {
            Some(gate) => Some(self.find(gate.key())?),
            None => None,
        };
        let id = self.find_own(name, &draft.record)?;
        let own = self.get_mut(id);
        let drafts = own.gates.get_mut(gate)?;
        *drafts -= 1;
        let opened = *drafts == 0;
        if opened {
            own.gates.remove(gate);
        }
        let gone = own.gates.is_empty();
        if let Some(gate) = gate.filter(|_| opened) {
            self.owner_mut(gate).waiting.remove(&id);
        }
        let removed = gone.then(|| self.take(id));
        for name in [Some(name), gate].into_iter().flatten() {
            self.forget_if_empty(name);
        }
        removed.map(|own| (id, own))
    }

    /// Returns the record of ours that says the same as `record`, which is of `name`.
    pub(crate) fn find_own(&self, name: NameId, record: &Record) -> Option<OwnId> {
        if let Rdata::Ptr(target) = &record.rdata {
            return self.find_pointer(name, target.key());
        }
        let mut held = self.owner(name).others.iter().copied();
        held.find(|id| self.get(*id).record.same_record(record))
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Tells whether nothing here is of a name, without looking at it.
    #[inline]
    pub(crate) fn lacks(&self, key: NameKey<'_>) -> bool {
        self.by_name.lacks(key)
    }

    #[inline]
    pub(crate) fn find(&self, key: NameKey<'_>) -> Option<NameId> {
        self.by_name.get(key).copied()
    }

    pub(crate) fn get(&self, id: OwnId) -> &Own {
        self.records
            .get(id)
            .expect("an id is given back with its record")
    }

    fn get_mut(&mut self, id: OwnId) -> &mut Own {
        self.records
            .get_mut(id)
            .expect("an id is given back with its record")
    }

    pub(crate) fn contains(&self, id: OwnId) -> bool {
        self.records.contains(id)
    }

    pub(crate) fn owner(&self, id: NameId) -> &Owner {
        self.names
            .get(id)
            .expect("a name stays while anything refers to it")
    }

    fn owner_mut(&mut self, id: NameId) -> &mut Owner {
        self.names
            .get_mut(id)
            .expect("a name stays while anything refers to it")
    }

    /// Tells whether anything refers to `id` still.
    pub(crate) fn has_name(&self, id: NameId) -> bool {
        self.names.contains(id)
    }

    /// Returns the record of ours that says the same as one that was heard.
    pub(crate) fn find_same(&self, heard: &RecordRef<'_>) -> Option<OwnId> {
        let name = self.find(heard.key())?;
        if let Some(target) = heard.pointed_to() {
            let id = self.find_pointer(name, target)?;
            return (self.get(id).record.class == heard.class()).then_some(id);
        }
        let mut held = self.owner(name).others.iter().copied();
        held.find(|id| {
            let record = &self.get(*id).record;
            record.record_type() == heard.record_type()
                && record.class == heard.class()
                && heard.rdata() == record.rdata
        })
    }

    /// Returns the records of a name and type.
    pub(crate) fn of_type(
        &self,
        name: NameId,
        record_type: RecordType,
    ) -> impl Iterator<Item = OwnId> + '_ {
        let held = self.among(name, record_type).iter().copied();
        held.filter(move |id| self.get(*id).record.record_type() == record_type)
    }

    /// Returns the records of a name that answer a question for a type, and may.
    pub(crate) fn answering(
        &self,
        name: NameId,
        asked: RecordType,
    ) -> impl Iterator<Item = OwnId> + '_ {
        let held = self.among(name, asked).iter().copied();
        held.filter(move |id| {
            let held = self.get(*id).record.record_type();
            // An alias answers for every type. RFC 1034 §3.6.2.
            (held.matches(asked) || held == RecordType::CNAME) && self.is_usable(*id)
        })
    }

    /// Returns the set that an answer has to be sent with: itself if it is shared.
    ///
    /// # RFC
    ///
    /// 6762 §10.2: of a unique set all records are sent, or none.
    pub(crate) fn set_of(&self, answer: Answer) -> Answers {
        match self.unique_set(answer) {
            Some(members) => members.map(Answer::Record).collect(),
            None => Answers::from_slice(&[answer]),
        }
    }

    /// Returns the records that are sent with an answer or not at all, if it is of a unique set.
    fn unique_set(&self, answer: Answer) -> Option<impl Iterator<Item = OwnId> + '_> {
        let Answer::Record(id) = answer else {
            return None;
        };
        let own = self.get(id);
        if own.ownership == Ownership::Shared {
            return None;
        }
        let of_type = self.of_type(own.name, own.record.record_type());
        Some(of_type.filter(move |member| *member == id || self.is_usable(*member)))
    }

    /// Returns answers with all that belongs to their sets, each once, in the order given.
    pub(crate) fn whole_sets(&self, answers: &[Answer]) -> Answers {
        if let [only] = answers {
            return self.set_of(*only);
        }
        let mut seen: Sorted<Answer> = Sorted::default();
        let mut whole = Answers::with_capacity(answers.len());
        for answer in answers {
            if seen.contains(*answer) {
                continue;
            }
            for member in self.set_of(*answer) {
                if seen.insert(member) {
                    whole.push(member);
                }
            }
        }
        whole
    }

    /// Returns every name that holds records or that records wait behind, in a fixed order.
    pub(crate) fn name_ids(&self) -> impl Iterator<Item = NameId> + '_ {
        self.names.ids()
    }

    /// Returns the records that wait behind any of `names`.
    pub(crate) fn behind(&self, names: &[NameId]) -> BTreeSet<OwnId> {
        let waiting = names.iter().flat_map(|name| &self.owner(*name).waiting);
        waiting.copied().collect()
    }

    /// Returns the records of `name` that must be probed for.
    pub(crate) fn unique_at(&self, name: NameId) -> impl Iterator<Item = &Own> + '_ {
        // Pointers are shared, or ours by nature: none of them is probed for.
        let records = self.owner(name).others.iter().map(|id| self.get(*id));
        records.filter(|own| own.ownership == Ownership::Unique)
    }

    pub(crate) fn set_verified(&mut self, name: NameId, verified: bool) {
        self.version.0 += 1;
        self.owner_mut(name).verified = verified;
    }

    pub(crate) fn is_verified(&self, name: NameId) -> bool {
        self.owner(name).verified
    }

    /// Tells whether a record may be used: one of the names it waits behind is ours, or it waits
    /// behind none.
    ///
    /// # RFC
    ///
    /// 6762 §5: a unique record is no answer until its name was verified.
    pub(crate) fn is_usable(&self, id: OwnId) -> bool {
        let gates = &self.get(id).gates;
        gates.any(|gate| gate.is_none_or(|name| self.is_verified(name)))
    }

    /// Returns the record that denies every type that `name` lacks, when all of the name is ours
    /// alone.
    ///
    /// # RFC
    ///
    /// 6762 §6.1. Its TTL is that of a missing address, and never above that of the name's own
    /// records. A name with a type above 255 has none, since the bitmap could not show it.
    pub(crate) fn nsec(&self, name: NameId) -> Option<Record> {
        let (types, ttl) = self.provable(name)?;
        let next = self.owner(name).name.clone();
        Some(Record::new(
            next.clone(),
            ttl,
            Rdata::Nsec(Nsec { next, types }),
        ))
    }

    /// Tells whether `name` lacks records of one of these types for good: nobody can hold one.
    pub(crate) fn denies(&self, name: NameId, record_types: &[RecordType]) -> bool {
        let Some((types, _)) = self.provable(name) else {
            return false;
        };
        let is_lacking = |lacking: &RecordType| {
            let answering = [*lacking, RecordType::CNAME];
            let any = answering.iter().any(|held| types.contains(*held));
            !any && *lacking != RecordType::ANY
        };
        record_types.iter().any(is_lacking)
    }

    /// Returns all types that `name` has, and for how long to believe that it has no others, when
    /// that can be shown.
    fn provable(&self, name: NameId) -> Option<(TypeSet, Ttl)> {
        let owner = self.owner(name);
        let mut types = TypeSet::default();
        let mut ttl = HOST_TTL;
        for id in &owner.records {
            let own = self.get(*id);
            if own.ownership == Ownership::Shared || !self.is_usable(*id) {
                return None;
            }
            if own.record.record_type().0 > 255 {
                return None;
            }
            types.insert(own.record.record_type());
            ttl = ttl.min(own.record.ttl);
        }
        (!owner.records.is_empty()).then_some((types, ttl))
    }

    /// Returns when an answer was last multicast over a family.
    pub(crate) fn last_multicast(&self, answer: Answer, family: Family) -> Option<Instant> {
        match answer {
            Answer::Record(id) => self.get(id).multicast[family as usize],
            Answer::Nsec(name) => self.owner(name).nsec_multicast[family as usize],
        }
    }

    /// Returns before when an answer may not be multicast again over a family: `limit` after it,
    /// or a record that it must be sent with, went last.
    pub(crate) fn earliest(
        &self,
        answer: Answer,
        family: Family,
        limit: Duration,
    ) -> Option<Instant> {
        let last = match self.unique_set(answer) {
            Some(members) => members
                .filter_map(|id| self.get(id).multicast[family as usize])
                .max(),
            None => self.last_multicast(answer, family),
        };
        last.map(|at| at + limit)
    }

    pub(crate) fn note_multicast(&mut self, answer: Answer, family: Family, at: Instant) {
        match answer {
            Answer::Record(id) => {
                let own = self.get_mut(id);
                own.multicast[family as usize] = Some(at);
                own.announced = true;
            }
            Answer::Nsec(name) => self.owner_mut(name).nsec_multicast[family as usize] = Some(at),
        }
    }

    /// Returns the TTL with which an answer is sent.
    pub(crate) fn ttl(&self, answer: Answer) -> Ttl {
        match answer {
            Answer::Record(id) => self.get(id).record.ttl,
            Answer::Nsec(_) => HOST_TTL,
        }
    }

    /// Tells whether an answer still stands for something that may be sent.
    pub(crate) fn stands(&self, answer: Answer) -> bool {
        match answer {
            Answer::Record(id) => self.contains(id) && self.is_usable(id),
            Answer::Nsec(name) => self.has_name(name) && self.provable(name).is_some(),
        }
    }

    /// Returns those of a name's records among which all of a type are.
    fn among(&self, name: NameId, record_type: RecordType) -> &[OwnId] {
        let owner = self.owner(name);
        match record_type {
            RecordType::PTR | RecordType::ANY => owner.records.as_slices().0,
            _ => &owner.others,
        }
    }

    fn find_pointer(&self, name: NameId, target: NameKey<'_>) -> Option<OwnId> {
        self.owner(name).pointers.get(target).copied()
    }

    fn put(&mut self, name: NameId, draft: &Draft) -> OwnId {
        let mut record = draft.record.clone();
        record.cache_flush = draft.ownership != Ownership::Shared;
        let target = leads_to(&record).cloned();
        let is_pointer = record.record_type() == RecordType::PTR;
        let id = self.records.insert(Own {
            record,
            ownership: draft.ownership,
            name,
            target: target.as_ref().and_then(|target| self.find(target.key())),
            gates: Few::default(),
            multicast: [None; 2],
            announced: false,
        });
        let owner = self.owner_mut(name);
        owner.records.push_back(id);
        owner.records.make_contiguous();
        match &target {
            Some(target) if is_pointer => {
                owner.pointers.insert(target.key(), target, id);
            }
            _ => owner.others.push(id),
        }
        if let Some(target) = target {
            let leading = self.leading_to.or_default(target.key(), &target);
            leading.insert(id);
        }
        id
    }

    fn intern(&mut self, name: &Name) -> NameId {
        if let Some(id) = self.find(name.key()) {
            return id;
        }
        let id = self.names.insert(Owner {
            name: name.clone(),
            records: VecDeque::new(),
            pointers: NameMap::default(),
            others: Vec::new(),
            waiting: BTreeSet::new(),
            verified: false,
            nsec_multicast: [None; 2],
        });
        self.by_name.insert(name.key(), name, id);
        self.set_target(name.key(), Some(id));
        id
    }

    /// Tells the records that lead to a name that it is here, or gone.
    fn set_target(&mut self, key: NameKey<'_>, target: Option<NameId>) {
        for id in self.leading_to.get(key).into_iter().flatten() {
            if let Some(own) = self.records.get_mut(*id) {
                own.target = target;
            }
        }
    }

    fn take(&mut self, id: OwnId) -> Own {
        let own = self.records.remove(id).expect("found just before");
        let target = leads_to(&own.record).cloned();
        let owner = self.owner_mut(own.name);
        if let Ok(at) = owner.records.binary_search(&id) {
            owner.records.remove(at);
            owner.records.make_contiguous();
        }
        match &target {
            Some(target) if own.record.record_type() == RecordType::PTR => {
                owner.pointers.remove(target.key());
            }
            _ => owner.others.retain(|held| *held != id),
        }
        if let Some(target) = target {
            self.forget_leading(target.key(), id);
        }
        own
    }

    fn forget_leading(&mut self, key: NameKey<'_>, id: OwnId) {
        let Some(leading) = self.leading_to.get_mut(key) else {
            return;
        };
        leading.remove(&id);
        if leading.is_empty() {
            self.leading_to.remove(key);
        }
    }

    fn forget_if_empty(&mut self, id: NameId) {
        let Some(owner) = self.names.get(id) else {
            return;
        };
        if owner.records.is_empty() && owner.waiting.is_empty() {
            let name = owner.name.clone();
            self.by_name.remove(name.key());
            self.names.remove(id);
            self.set_target(name.key(), None);
        }
    }
}

impl Answer {
    /// Returns the record, unless it is a denial.
    pub(crate) fn record(self) -> Option<OwnId> {
        match self {
            Self::Record(id) => Some(id),
            Self::Nsec(_) => None,
        }
    }
}

impl Own {
    /// Returns the name of ours that it leads to, if it is a pointer or an SRV record.
    pub(crate) fn target(&self) -> Option<NameId> {
        self.target
    }
}

impl Id for NameId {
    fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn to_bits(self) -> u64 {
        self.0
    }
}

impl Id for OwnId {
    fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn to_bits(self) -> u64 {
        self.0
    }
}

/// Returns where a pointer or an SRV record leads.
fn leads_to(record: &Record) -> Option<&Name> {
    match &record.rdata {
        Rdata::Ptr(target) => Some(target),
        Rdata::Srv(srv) => Some(&srv.target),
        _ => None,
    }
}

/// TTL of records whose name or rdata contains a host name. RFC 6762 §10.
pub(crate) const HOST_TTL: Ttl = Ttl(120);

/// TTL of all other records: 75 minutes. RFC 6762 §10.
pub(crate) const OTHER_TTL: Ttl = Ttl(4500);

/// A record is not multicast again on a link before. RFC 6762 §6.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Other;

    #[test]
    fn a_name_with_a_type_above_255_denies_nothing() {
        // 6762-6.1-7
        let mut zone = Zone::default();
        let caa = Rdata::Other(Other {
            record_type: RecordType(257),
            bytes: (*b"x").into(),
        });
        let name = exclusive(&mut zone, "a.local", Rdata::A([192, 0, 2, 1].into()));

        assert!(zone.denies(name, &[RecordType::AAAA]));
        exclusive(&mut zone, "a.local", caa);

        assert!(!zone.denies(name, &[RecordType::AAAA]));
        assert_eq!(zone.nsec(name), None);
    }

    #[test]
    fn an_id_is_never_used_again() {
        let mut zone = Zone::default();
        let draft = Draft {
            record: Record::new(name("a.local"), HOST_TTL, Rdata::A([192, 0, 2, 1].into())),
            ownership: Ownership::Unique,
            gate: None,
        };
        let Added::New(first) = zone.add(&draft) else {
            panic!("it was not there");
        };
        let first_name = zone.get(first).name;
        zone.remove(&draft);
        let Added::New(second) = zone.add(&draft) else {
            panic!("it was taken out");
        };

        assert_ne!(first, second);
        assert_ne!(first_name, zone.get(second).name);
        assert!(!zone.stands(Answer::Record(first)) && !zone.stands(Answer::Nsec(first_name)));
    }

    #[test]
    fn a_record_that_two_drafts_ask_for_is_held_once_until_both_are_gone() {
        let mut zone = Zone::default();
        let pointer = |instance: &str| Draft {
            record: Record::new(
                name("_services._dns-sd._udp.local"),
                OTHER_TTL,
                Rdata::Ptr(name("_ipp._tcp.local")),
            ),
            ownership: Ownership::Shared,
            gate: Some(name(instance)),
        };
        let (one, two) = (pointer("one.local"), pointer("two.local"));

        assert!(matches!(zone.add(&one), Added::New(_)));
        assert!(matches!(zone.add(&two), Added::Held(_)));
        assert!(zone.remove(&one).is_none());
        assert!(zone.remove(&two).is_some());
        assert_eq!(zone.name_ids().count(), 0);
    }

    fn exclusive(zone: &mut Zone, owner: &str, rdata: Rdata) -> NameId {
        let added = zone.add(&Draft {
            record: Record::new(name(owner), HOST_TTL, rdata),
            ownership: Ownership::Exclusive,
            gate: None,
        });
        let (Added::New(id) | Added::Held(id)) = added;
        zone.get(id).name
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }
}
