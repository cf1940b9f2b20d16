//! Documents: whatever is one for the tree is one for the events, and stays the same when it is printed prettily.
#![no_main]

use hvreplica::xml::{Element, Event, Reader, decode, difference, pretty};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for charset in [Some("utf-16"), Some("windows-1252")] {
        decode(bytes, charset).ok();
    }
    let Ok(document) = decode(bytes, None) else { return };
    let is_whole = events(&document);
    let Ok(tree) = Element::parse(&document) else { return };
    assert!(is_whole, "a tree out of a document that breaks off");
    if let Ok(text) = pretty(&document) {
        let again = Element::parse(&text).expect("what was printed can be read");
        assert_eq!(difference(&tree, &again), None);
    }
});

fn events(document: &str) -> bool {
    let mut reader = Reader::new(document);
    loop {
        match reader.next_event() {
            Ok(Event::Eof) => return true,
            Ok(Event::Start) => {
                if reader.attributes().is_err() {
                    return false;
                }
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}
