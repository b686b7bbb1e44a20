//! What is counted between the kernel and the loop.

use crate::meter::Counter;

/// One count for each thing that can happen to a packet here. Nothing is lost without a count.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Datagrams delivered to the loop.
    pub(crate) received: Counter,
    /// Datagrams that the kernel dropped because our receive buffer was full.
    pub(crate) kernel_drops: Counter,
    /// Datagrams discarded because they were longer than a slot.
    pub(crate) truncated: Counter,
    /// Datagrams discarded because the kernel did not say by which interface they came.
    pub(crate) no_interface: Counter,
    /// Multicast datagrams discarded because they were for a group or an interface not joined.
    pub(crate) not_joined: Counter,
    /// Times the receive headers were made anew, since their room for control data had shrunk.
    pub(crate) rebuilt: Counter,
    /// Packets handed to the kernel.
    pub(crate) sent: Counter,
    /// Packets that had to wait for room in the send buffer.
    pub(crate) send_deferred: Counter,
    /// Packets given up because too many were waiting.
    pub(crate) send_dropped: Counter,
    /// Packets that the kernel refused: no such interface, no such source, not permitted.
    pub(crate) send_failed: Counter,
    /// Times that news of the interfaces came faster than they were read.
    pub(crate) news_lost: Counter,
}
