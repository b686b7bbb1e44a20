//! Which names a message already holds, so that the next ones can point at them.
//!
//! Read [RFC 1035 §4.1.4](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.4) first.
//!
//! The names form a tree with the root of all names at its root: each node is a label that was
//! written somewhere, in front of the labels of its parent. Looking a name up goes down from the
//! last label to the first for as long as there are nodes. The nodes are a stack, threaded through
//! hash chains whose newest node comes first, so that what was written last can be taken back.
//!
//! Most names of a response come twice: as somebody's target, and as the owner of what rides along.
//! So the few that were written last are kept as they were spelled, and compared first.

/// The names that were written, as a tree of labels.
#[derive(Debug)]
pub(super) struct Compression {
    /// The newest node of each chain.
    heads: [NodeId; CHAINS],
    nodes: Vec<Node>,
    recent: [Recent; RECENT],
    /// Where the next recent name goes.
    next_recent: usize,
}

impl Compression {
    pub(super) fn new() -> Compression {
        Compression {
            heads: [NodeId::NONE; CHAINS],
            nodes: Vec::with_capacity(NODES_AT_FIRST),
            recent: [Recent::NONE; RECENT],
            next_recent: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.heads = [NodeId::NONE; CHAINS];
        self.nodes.clear();
        self.recent.iter_mut().for_each(Recent::forget);
    }

    /// Returns how many labels are in the tree.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Forgets the labels that were added since there were `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.nodes.len() > len {
            let node = self.nodes.pop().expect("there are more than none");
            self.heads[usize::from(node.chain)] = node.older;
        }
        let gone = |recent: &&mut Recent| recent.nodes > len;
        self.recent.iter_mut().filter(gone).for_each(Recent::forget);
    }

    /// Finds as much of the end of a name as was written before, and adds the labels in front of
    /// that, which are about to be written at `at`.
    ///
    /// `wire` is the name in uncompressed wire form.
    pub(super) fn enter(&mut self, message: &[u8], wire: &[u8], at: usize) -> Found {
        if let Some(recent) = self.recent.iter().find(|recent| recent.is(wire)) {
            return Found {
                known_from: 0,
                target: Some(recent.offset),
            };
        }
        let found = self.enter_labels(message, wire, at);
        // What is not known yet has nodes from now on, which tell when it is taken back.
        let within_reach = at + wire.len() <= usize::from(OFFSET_MAX);
        let whole = if found.known_from == 0 {
            found.target
        } else {
            u16::try_from(at).ok().filter(|_| within_reach)
        };
        if let Some(offset) = whole {
            self.recent[self.next_recent].set(wire, offset, self.nodes.len());
            self.next_recent = (self.next_recent + 1) % RECENT;
        }
        found
    }

    fn enter_labels(&mut self, message: &[u8], wire: &[u8], at: usize) -> Found {
        let (starts, count) = label_starts(wire);
        let mut found = Found {
            known_from: wire.len() - 1,
            target: None,
        };
        let mut parent = NodeId::NONE;
        let mut is_known = true;
        for &start in starts[..count].iter().rev() {
            let start = usize::from(start);
            let label = label_at(wire, start);
            let chain = chain_of(parent, label);
            let known = if is_known {
                self.child(message, parent, label, chain)
            } else {
                None
            };
            if let Some((id, target)) = known {
                found = Found {
                    known_from: start,
                    target: Some(target),
                };
                parent = id;
                continue;
            }
            is_known = false;
            // No pointer reaches a label that is too far away, nor what is in front of it.
            let Some(id) = self.add(parent, chain, at + start) else {
                break;
            };
            parent = id;
        }
        found
    }

    /// Finds the node that stands for `label` in front of the labels of `parent`, and where it is.
    fn child(
        &self,
        message: &[u8],
        parent: NodeId,
        label: &[u8],
        chain: u8,
    ) -> Option<(NodeId, u16)> {
        let mut id = self.heads[usize::from(chain)];
        while let Some(index) = id.index() {
            let node = &self.nodes[index];
            let its_label = label_at(message, usize::from(node.offset));
            if node.parent == parent && is_same(its_label, label) {
                return Some((id, node.offset));
            }
            id = node.older;
        }
        None
    }

    /// Adds a node for a label, if a pointer reaches it.
    fn add(&mut self, parent: NodeId, chain: u8, offset: usize) -> Option<NodeId> {
        let offset = u16::try_from(offset)
            .ok()
            .filter(|&offset| offset <= OFFSET_MAX)?;
        let older = self.heads[usize::from(chain)];
        self.nodes.push(Node {
            offset,
            parent,
            older,
            chain,
        });
        let id = NodeId::newest(&self.nodes);
        self.heads[usize::from(chain)] = id;
        Some(id)
    }
}

/// How much of the end of a name was written before.
#[derive(Debug)]
pub(super) struct Found {
    /// Where in the name the known labels begin: at its terminating zero if there are none.
    pub(super) known_from: usize,
    /// Where in the message they are, if there are any.
    pub(super) target: Option<u16>,
}

/// A name that was written not long ago.
#[derive(Clone, Copy, Debug)]
struct Recent {
    /// In uncompressed wire form, in the letters in which it was written.
    wire: [u8; RECENT_BYTES],
    /// How long it is; none is if there is none.
    len: usize,
    /// Where in the message its first label is.
    offset: u16,
    /// How many nodes there were when it was there.
    nodes: usize,
}

impl Recent {
    const NONE: Recent = Recent {
        wire: [0; RECENT_BYTES],
        len: 0,
        offset: 0,
        nodes: 0,
    };

    fn is(&self, wire: &[u8]) -> bool {
        self.wire[..self.len] == *wire
    }

    /// Keeps another name, if it is no longer than most.
    fn set(&mut self, wire: &[u8], offset: u16, nodes: usize) {
        self.forget();
        // The root has no label to point at.
        if wire.len() > 1 && wire.len() <= RECENT_BYTES {
            self.wire[..wire.len()].copy_from_slice(wire);
            self.len = wire.len();
            self.offset = offset;
            self.nodes = nodes;
        }
    }

    fn forget(&mut self) {
        self.len = 0;
    }
}

/// One label in front of others.
#[derive(Debug)]
struct Node {
    /// Where in the message the label is.
    offset: u16,
    /// What follows the label.
    parent: NodeId,
    /// The next node of the chain.
    older: NodeId,
    chain: u8,
}

/// A place in the stack of nodes plus one, or zero for none: what no label is in front of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct NodeId(u16);

impl NodeId {
    const NONE: NodeId = NodeId(0);

    fn newest(nodes: &[Node]) -> NodeId {
        NodeId(u16::try_from(nodes.len()).expect("labels within reach of a pointer are few"))
    }

    fn index(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// Furthest place that the fourteen bits of a pointer reach. RFC 1035 §4.1.4.
const OFFSET_MAX: u16 = 0x3FFF;

// No two nodes stand for the label at one place, so that there are fewer than a `u16` can count.
const _: () = assert!(OFFSET_MAX < u16::MAX);

/// How many hash chains there are: as many as a byte can tell apart.
const CHAINS: usize = 256;

/// For how many labels there is room before anything is allocated; a full message of the usual size
/// has fewer.
const NODES_AT_FIRST: usize = 1024;

/// So many names are compared as wholes: an answer and what rides along speak of no more.
const RECENT: usize = 4;

/// Longer names are looked for label by label.
const RECENT_BYTES: usize = 64;

/// Most labels in a name.
const LABELS_MAX: usize = 127;

/// Returns where the labels of an uncompressed name begin, and how many there are.
fn label_starts(wire: &[u8]) -> ([u8; LABELS_MAX], usize) {
    let mut starts = [0; LABELS_MAX];
    let mut count = 0;
    let mut at = 0;
    while wire[at] != 0 {
        starts[count] = u8::try_from(at).expect("a name is at most 256 bytes");
        count += 1;
        at += 1 + usize::from(wire[at]);
    }
    (starts, count)
}

fn label_at(bytes: &[u8], at: usize) -> &[u8] {
    &bytes[at + 1..=at + usize::from(bytes[at])]
}

/// Compares without case. Most names are always spelled in the same letters.
fn is_same(one: &[u8], two: &[u8]) -> bool {
    one == two || one.eq_ignore_ascii_case(two)
}

/// Returns the hash chain of a label in front of those of `parent`.
///
/// The label is taken eight bytes at a time. Case is the bit 0x20 of a letter; setting it in every
/// byte makes some other bytes alike as well, which only makes a chain longer.
fn chain_of(parent: NodeId, label: &[u8]) -> u8 {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let mix = |hash: u64, word: u64| {
        (hash.rotate_left(5) ^ (word | CASE)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    let mut hash = mix(u64::from(parent.0), label.len() as u64);
    let mut words = label.chunks_exact(8);
    for word in &mut words {
        let word = word.try_into().expect("chunks of eight bytes");
        hash = mix(hash, u64::from_le_bytes(word));
    }
    let rest = words.remainder();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let rest = u64::from_le_bytes(last);
    // The top bits of a product depend on every bit of its factors.
    let [chain, ..] = mix(hash, rest).to_be_bytes();
    chain
}

#[cfg(test)]
mod tests {
    use super::{Compression, OFFSET_MAX};
    use crate::wire::name::Name;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// Writes names one after the other in full, and notes their labels.
    fn written(compression: &mut Compression, names: &[&str]) -> Vec<u8> {
        let mut message = Vec::new();
        names
            .iter()
            .for_each(|text| write(compression, &mut message, text));
        message
    }

    fn write(compression: &mut Compression, message: &mut Vec<u8>, text: &str) {
        let name = name(text);
        compression.enter(message, name.as_bytes(), message.len());
        message.extend_from_slice(name.as_bytes());
    }

    /// Returns where the known labels of a name begin in it, and where in the message they are.
    fn find(compression: &mut Compression, message: &[u8], text: &str) -> (usize, Option<u16>) {
        let labels = compression.len();
        let found = compression.enter(message, name(text).as_bytes(), message.len());
        compression.truncate(labels);
        (found.known_from, found.target)
    }

    #[test]
    fn the_longest_known_end_of_a_name_is_found() {
        let mut compression = Compression::new();
        let message = written(&mut compression, &["a.b.local", "c.b.local", "b"]);

        assert_eq!(find(&mut compression, &message, "a.b.local"), (0, Some(0)));
        assert_eq!(find(&mut compression, &message, "x.b.local"), (2, Some(2)));
        assert_eq!(find(&mut compression, &message, "a.local"), (2, Some(4)));
        assert_eq!(
            find(&mut compression, &message, "x.c.b.local"),
            (2, Some(11))
        );
        assert_eq!(
            find(&mut compression, &message, "c.a.b.local"),
            (2, Some(0))
        );
        assert_eq!(find(&mut compression, &message, "b"), (0, Some(22)));
        assert_eq!(find(&mut compression, &message, "local.b"), (6, Some(22)));
        assert_eq!(find(&mut compression, &message, "x"), (2, None));
        assert_eq!(find(&mut compression, &message, "."), (0, None));
    }

    #[test]
    fn case_does_not_count() {
        let mut compression = Compression::new();
        let message = written(&mut compression, &["A.local"]);

        assert_eq!(find(&mut compression, &message, "a.LOCAL"), (0, Some(0)));
    }

    #[test]
    fn what_was_added_last_is_taken_back() {
        let mut compression = Compression::new();
        let mut message = written(&mut compression, &["b.local"]);
        let (len, labels) = (message.len(), compression.len());
        write(&mut compression, &mut message, "a.b.local");
        write(&mut compression, &mut message, "x.y.z.local");
        assert_eq!(compression.len(), labels + 4);

        message.truncate(len);
        compression.truncate(labels);

        assert_eq!(find(&mut compression, &message, "a.b.local"), (2, Some(0)));
        assert_eq!(
            find(&mut compression, &message, "x.y.z.local"),
            (6, Some(2))
        );
        let heads = compression.heads.iter();
        assert_eq!(heads.filter(|head| head.index().is_some()).count(), labels);
    }

    #[test]
    fn what_was_taken_back_is_not_pointed_at_however_recent_it_is() {
        let mut compression = Compression::new();
        let mut message = Vec::new();
        for text in ["a.local", "b.local"] {
            let (len, labels) = (message.len(), compression.len());
            write(&mut compression, &mut message, text);
            message.truncate(len);
            compression.truncate(labels);
            assert_eq!(find(&mut compression, &message, text), (8, None));
        }
        write(&mut compression, &mut message, "c.local");
        compression.clear();
        assert_eq!(find(&mut compression, &[], "c.local"), (8, None));
    }

    #[test]
    fn labels_out_of_reach_of_a_pointer_are_not_noted() {
        // 1035-4.1.4-2
        let mut compression = Compression::new();
        let mut message = vec![0; usize::from(OFFSET_MAX) - 5];
        write(&mut compression, &mut message, "aaaa.bb");

        assert_eq!(
            find(&mut compression, &message, "bb"),
            (0, Some(OFFSET_MAX))
        );
        assert_eq!(
            find(&mut compression, &message, "aaaa.bb"),
            (0, Some(OFFSET_MAX - 5))
        );
        write(&mut compression, &mut message, "cc");
        assert_eq!(compression.len(), 2);
        assert_eq!(find(&mut compression, &message, "cc"), (3, None));
    }

    #[test]
    fn a_label_in_front_of_others_is_another() {
        let mut compression = Compression::new();
        // More parents than there are chains, so that some of the labels share one.
        let name = |number| format!("web.host-{number}");
        let mut message = Vec::new();
        for number in 100..400 {
            write(&mut compression, &mut message, &name(number));
        }

        let bytes = message.len() / 300;
        for number in 100..400 {
            let at = u16::try_from((number - 100) * bytes).ok();
            assert_eq!(
                find(&mut compression, &message, &name(number)),
                (0, at),
                "{number}"
            );
        }
    }

    #[test]
    fn a_thousand_names_are_told_apart() {
        let mut compression = Compression::new();
        let names: Vec<String> = (0..1000)
            .map(|number| format!("host-{number}.local"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = written(&mut compression, &names);

        let mut at = 0;
        for text in names {
            assert_eq!(
                find(&mut compression, &message, text),
                (0, u16::try_from(at).ok()),
                "{text}"
            );
            at += text.len() + 2;
            if at > usize::from(OFFSET_MAX) {
                break;
            }
        }
    }
}
