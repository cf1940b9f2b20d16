//! Requests to the simulated host: whatever comes, its answer is a message.
#![no_main]

use std::sync::{LazyLock, Mutex, PoisonError};

use hvreplica::msvm::SCHEMA;
use hvreplica::simulator::{Desk, Scenario};
use hvreplica::wsman::decode_bytes;
use libfuzzer_sys::fuzz_target;

/// A new one after some requests, or its jobs and enumerations would pile up.
static DESK: LazyLock<Mutex<(Desk, u32)>> = LazyLock::new(|| Mutex::new((desk(), 0)));

fn desk() -> Desk {
    let scenario = Scenario::named("healthy").expect("a scenario");
    Desk::new(SCHEMA, (scenario.world, scenario.server), "EXAMPLE\\operator", 1, now())
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_521_600).expect("a moment")
}

fuzz_target!(|bytes: &[u8]| {
    let mut guard = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    let (desk, count) = &mut *guard;
    *count += 1;
    if *count == 1000 {
        (*desk, *count) = (self::desk(), 0);
    }
    let asking = desk.read(bytes);
    let handled = desk.handle(&asking, now());
    decode_bytes(handled.text.as_bytes(), None, &SCHEMA).expect("the answer is a message");
});
