//! What leases cost, beside the semaphore of tokio.

fn main() {
    divan::main();
}
