//! Queries of the simulated host, asked of all its instances.
#![no_main]

use std::sync::{LazyLock, Mutex, PoisonError};

use hvreplica::msvm::SCHEMA;
use hvreplica::simulator::{Scenario, World};
use libfuzzer_sys::fuzz_target;

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let scenario = Scenario::named("healthy").expect("a scenario");
    Mutex::new(World::new(SCHEMA, scenario.world, 1, now()))
});

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_521_600).expect("a moment")
}

fuzz_target!(|text: &str| {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    world.query(text, now()).ok();
});
