//! How many connections one address has, so that no host of the link has all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// The addresses that have connections.
#[derive(Debug)]
pub(crate) struct Guests {
    inside: Arc<Mutex<BTreeMap<IpAddr, u64>>>,
    of_one_max: u64,
}

impl Guests {
    /// Lets so many in of each address.
    pub(crate) fn new(of_one_max: u64) -> Self {
        Self {
            inside: Arc::default(),
            of_one_max,
        }
    }

    /// Lets one in, if there are not as many of his address as may be. All who are on this machine
    /// have one address, of which there may be any number.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Guest> {
        // Addresses of one host in both families are one.
        let address = address.to_canonical();
        let mut inside = self.inside.lock();
        let count = inside.entry(address).or_default();
        if *count >= self.of_one_max && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Guest {
            inside: Arc::clone(&self.inside),
            address,
        })
    }
}

/// One who is inside, for as long as this is held.
#[derive(Debug)]
pub(crate) struct Guest {
    inside: Arc<Mutex<BTreeMap<IpAddr, u64>>>,
    address: IpAddr,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.inside.lock();
        if let Some(count) = inside.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Guests;

    #[test]
    fn of_one_address_no_more_come_in_than_may_be_and_others_do() {
        let guests = Guests::new(2);
        let enter = |address: &str| guests.enter(address.parse().unwrap());
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("::ffff:192.0.2.1").unwrap();

        assert!(enter("192.0.2.1").is_none());
        let other = enter("2001:db8::1").unwrap();
        let _here = ["127.0.0.1"; 3].map(|here| enter(here).unwrap());
        drop((first, other));
        assert!(enter("192.0.2.1").is_some());
        assert_eq!(guests.inside.lock().len(), 2, "who left is forgotten");
    }
}
