//! What can happen to a message on its way.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

/// Something that can happen to a message.
#[derive(Clone, Debug)]
enum Damage {
    Set(u8),
    Add(u8),
    Pointer(u16),
    Insert(u8),
    Remove,
    Repeat,
    Cut,
}

/// Damage and where, as a part of the message's length.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    damage: Damage,
    place: prop::sample::Index,
}

impl Fault {
    pub(crate) fn commit(&self, bytes: &mut Vec<u8>) {
        let at = self.place.index(bytes.len());
        match self.damage {
            // The header must stay, or there is nothing to compare.
            Damage::Insert(_) | Damage::Remove | Damage::Cut if at < 12 => {}
            Damage::Set(byte) => bytes[at] = byte,
            Damage::Add(byte) => bytes[at] = bytes[at].wrapping_add(byte),
            Damage::Pointer(target) => {
                let pointer = (0xC000 | target).to_be_bytes();
                bytes
                    .iter_mut()
                    .skip(at)
                    .zip(pointer)
                    .for_each(|(byte, half)| *byte = half);
            }
            Damage::Insert(byte) => bytes.insert(at, byte),
            Damage::Remove => drop(bytes.remove(at)),
            Damage::Repeat => bytes.extend_from_within(at..),
            Damage::Cut => bytes.truncate(at),
        }
    }
}

pub(crate) fn a_fault() -> impl Strategy<Value = Fault> {
    let damage = prop_oneof![
        any::<u8>().prop_map(Damage::Set),
        prop_oneof![Just(1), Just(255)].prop_map(Damage::Add),
        (0..200_u16).prop_map(Damage::Pointer),
        any::<u8>().prop_map(Damage::Insert),
        Just(Damage::Remove),
        Just(Damage::Repeat),
        Just(Damage::Cut),
    ];
    (damage, any::<prop::sample::Index>()).prop_map(|(damage, place)| Fault { damage, place })
}
