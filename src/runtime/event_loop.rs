//! The loop: one turn after the other, waiting only in `poll`.
//!
//! A turn takes in what came, does what is due, and sends what follows from it. Its work is
//! bounded, so that a flood in one place does not keep the others waiting.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use mio::Events;
use mio::Poll;
use mio::Token;

use crate::error::Error;
use crate::net::Datagram;
use crate::protocol::Engine;
use crate::protocol::SubscriptionId;
use crate::runtime::Command;
use crate::runtime::Gone;
use crate::runtime::Opened;
use crate::runtime::bounds::Bounds;
use crate::runtime::command::Placed;
use crate::runtime::command::Reply;
use crate::runtime::command::Stay;
use crate::runtime::conveyor::Conveyor;
use crate::runtime::figures::Board;
use crate::runtime::handle::Door;
use crate::runtime::level::Level;
use crate::runtime::lookout::Lookout;
use crate::runtime::network::Network;
use crate::runtime::network::WATCH;
use crate::runtime::network::arrival;
use crate::runtime::sleep::Sleep;
use crate::runtime::subscribers::Subscribers;
use crate::runtime::subscribers::Told;

/// Everything that the loop's thread owns.
pub(crate) struct EventLoop {
    poll: Poll,
    network: Network,
    engine: Engine,
    subscribers: Subscribers,
    inbox: Receiver<Placed>,
    door: Arc<Door>,
    sleep: Sleep,
    /// The slots in use.
    slots: Level,
    board: Arc<Board>,
    lookout: Lookout,
}

impl EventLoop {
    pub(crate) fn new(
        poll: Poll,
        network: Network,
        engine: Engine,
        inbox: Receiver<Placed>,
        door: &Arc<Door>,
        bounds: &Bounds,
        board: &Arc<Board>,
    ) -> Self {
        let now = Instant::now();
        let turns = &board.turn_microseconds;
        let lookout = Lookout::new(engine.resources(), turns, &board.warnings, now);
        Self {
            poll,
            network,
            engine,
            subscribers: Subscribers::new(bounds.event_places, bounds.events.clone()),
            inbox,
            door: Arc::clone(door),
            sleep: Sleep::new(),
            slots: Level::new(&bounds.slots),
            board: Arc::clone(board),
            lookout,
        }
    }

    /// Runs until somebody wants it to stop, then says goodbye, and tells what came of that.
    pub(crate) fn run(mut self, mut conveyor: Conveyor<'_>) -> Result<(), &'static str> {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        let mut intakes = self.network.intakes();
        let deadline = loop {
            self.wait(&mut events, &conveyor);
            let now = Instant::now();
            self.take_notice(&events, now);
            if let Some(deadline) = self.door.stopping() {
                break deadline;
            }
            self.handle_commands(now);
            self.apply(&mut conveyor);
            self.network
                .receive(&mut intakes, &mut conveyor, &self.board);
            self.slots.set(conveyor.in_flight());
            let lagged = &self.board.lagged;
            self.subscribers.deliver(&mut self.engine, now, lagged);
            self.network.flush(&self.poll, now);
            self.transmit(now);
            self.lookout.look(now);
            self.board.note_turn(now.elapsed(), self.engine.counts());
        };
        self.farewell(&mut events, deadline)
    }

    /// Sleeps until something comes or is due. The only place where the loop waits.
    fn wait(&mut self, events: &mut Events, conveyor: &Conveyor<'_>) {
        let busy = self.network.is_readable() && conveyor.has_free() || !self.inbox.is_empty();
        let due = self.due();
        let timeout = if busy || !self.door.bell().doze() {
            Some(Duration::ZERO)
        } else {
            due.map(|due| due.saturating_duration_since(Instant::now()))
        };
        if let Err(error) = self.poll.poll(events, timeout) {
            let interrupted = error.kind() == std::io::ErrorKind::Interrupted;
            assert!(
                interrupted,
                "a poll of open descriptors can only be interrupted: {error}"
            );
        }
        // What was handed over before the bell is seen from here on, what comes later rings again.
        self.door.bell().hear();
        let now = Instant::now();
        if self.sleep.is_over(due, now) {
            log::info!("awake after a sleep: names are claimed and asked for again");
            self.engine.wake(now);
        }
    }

    fn due(&self) -> Option<Instant> {
        let due = [
            self.engine.poll_timeout(),
            self.network.poll_timeout(),
            self.network.next_look(),
            self.subscribers.poll_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    fn take_notice(&mut self, events: &Events, now: Instant) {
        for event in events {
            if event.token() == WATCH {
                self.network.take_news(&mut self.engine, now);
            } else {
                self.network.note_ready(event, now);
            }
        }
        self.network.look_again(&mut self.engine, now);
        self.transmit(now);
    }

    /// Does what is due, and tells whether anything was.
    fn handle_due(&mut self, now: Instant) -> bool {
        let due = self.is_due(now);
        if due {
            self.engine.handle_timeout(now);
            self.transmit(now);
        }
        due
    }

    fn is_due(&self, now: Instant) -> bool {
        self.engine.poll_timeout().is_some_and(|due| due <= now)
    }

    /// Takes in the packets that were read, in the order in which they came. While the engine is
    /// behind with what is due they wait: it does that first.
    fn apply(&mut self, conveyor: &mut Conveyor<'_>) {
        let now = Instant::now();
        for _ in 0..PACKETS_A_TURN {
            if self.handle_due(now) && self.is_due(now) {
                break;
            }
            let Some(datagram) = conveyor.take() else {
                return;
            };
            let Datagram {
                received,
                receipt,
                slot,
                ..
            } = datagram;
            if let Some(message) = slot.frame.message() {
                let from = arrival(receipt.interface, receipt.source, receipt.destination);
                self.engine.handle_message(received, &from, &message);
                self.transmit(now);
            }
            conveyor.give_back(receipt.source.ip(), slot);
        }
        // More may be read already: their bell was heard.
        self.door.bell().ring();
    }

    fn transmit(&mut self, now: Instant) {
        // What has no room stays in the engine: it is tried again after the next flush.
        while self.network.has_room() {
            let Some(transmit) = self.engine.poll_transmit() else {
                return;
            };
            self.network.send(&transmit, now);
        }
    }

    /// Does what callers want. While the engine is behind with what is due they wait, as packets
    /// do.
    fn handle_commands(&mut self, now: Instant) {
        for _ in 0..COMMANDS_A_TURN {
            if self.handle_due(now) && self.is_due(now) {
                break;
            }
            let command = self.inbox.try_recv();
            // What was dropped before a call was made is undone before the call is answered.
            for gone in self.door.take_gone() {
                self.undo(gone, now);
            }
            let Ok(Placed { command, _place }) = command else {
                break;
            };
            self.handle_command(command, now);
        }
        self.transmit(now);
    }

    fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Register(service, reply) => {
                self.network.look_at_port(&mut self.engine, now);
                let name = service.instance().clone();
                let made = self.engine.register(now, *service);
                let door = &self.door;
                let made = made.map(|id| self.subscribers.add_registration(id, name, door));
                // Dropped where nobody waits for it any more, it undoes itself.
                let _ = reply.send(made);
            }
            Command::Publish(set, reply) => {
                self.network.look_at_port(&mut self.engine, now);
                let name = set.name().clone();
                let made = self.engine.publish(now, *set);
                let publications = &mut self.subscribers.publications;
                let made = made.map(|id| publications.add(id, name, &self.door));
                let _ = reply.send(made);
            }
            Command::Browse(service_type, depth, reply) => {
                let id = self.engine.browse(now, &service_type, depth);
                self.open(id, &reply);
            }
            Command::Follow(instance, reply) => {
                let id = self.engine.resolve(now, &instance);
                self.open(id, &reply);
            }
            Command::Types(reply) => {
                let id = self.engine.browse_types(now);
                self.open(id, &reply);
            }
            Command::Query(name, types, reply) => {
                let id = self.engine.query(now, name, types);
                self.open(id, &reply);
            }
            Command::UpdateTxt(id, properties, reply) => {
                answer(&reply, self.engine.update_txt(now, id, &properties));
            }
            Command::Reconfirm(instance, link, reply) => {
                let held = self.engine.reconfirm_instance(now, &instance, Some(link));
                answer(&reply, Ok(held));
            }
            Command::Counts(reply) => answer(&reply, Ok(self.engine.counts())),
        }
    }

    /// Answers one who opened a subscription.
    fn open<E: Told>(&mut self, id: Result<SubscriptionId, Error>, reply: &Reply<Opened<E>>) {
        let opened = id.map(|id| Opened {
            events: self.subscribers.add(id),
            _stay: Stay::new(&self.door, Gone::Subscription(id)),
        });
        // Dropped where nobody waits for it any more, it undoes itself.
        let _ = reply.send(opened);
    }

    fn undo(&mut self, gone: Gone, now: Instant) {
        match gone {
            Gone::Subscription(id) => {
                self.engine.stop(now, id);
                self.subscribers.remove(id);
            }
            Gone::Registration(id) => {
                self.engine.withdraw(now, id);
                self.subscribers.remove_registration(id);
            }
        }
    }

    /// Sends the goodbyes, and waits for room to send them until the deadline.
    fn farewell(&mut self, events: &mut Events, deadline: Instant) -> Result<(), &'static str> {
        let now = Instant::now();
        for gone in self.door.take_gone() {
            self.undo(gone, now);
        }
        self.engine.shutdown(now);
        let refused = &self.board.net.send_failed;
        let refused_before = refused.value();
        loop {
            let now = Instant::now();
            self.network.flush(&self.poll, now);
            // One at a time: what the engine still has is not pushed out of a full queue.
            while self.network.waiting() == 0 {
                let Some(transmit) = self.engine.poll_transmit() else {
                    return if refused.value() == refused_before {
                        Ok(())
                    } else {
                        Err("the system refused to send some of them")
                    };
                };
                self.network.send(&transmit, now);
            }
            if now >= deadline {
                return Err("the link took too little to send them all in time");
            }
            let retry = self
                .network
                .poll_timeout()
                .map_or(deadline, |due| due.min(deadline));
            let timeout = retry.saturating_duration_since(now);
            if self.poll.poll(events, Some(timeout)).is_ok() {
                for event in &*events {
                    self.network.note_ready(event, Instant::now());
                }
            }
        }
    }
}

/// Answers one who may have lost patience: then there is nothing to undo.
fn answer<T>(reply: &Reply<T>, said: Result<T, Error>) {
    let _ = reply.send(said);
}

/// The token of the bell, beside those of the network.
pub(crate) const BELL: Token = Token(3);

/// More events than there are tokens do not come.
const EVENTS_A_TURN: usize = 8;

/// Commands taken in one turn, so that a busy caller does not keep packets waiting.
const COMMANDS_A_TURN: usize = 64;

/// Packets taken in one turn, so that a flood does not keep commands waiting.
const PACKETS_A_TURN: usize = 64;
