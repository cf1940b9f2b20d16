//! Finding the virtual machine that is meant.

use hvreplica::cim::Instance;
use hvreplica::msvm::NAMESPACE;
use hvreplica::replica::{FindError, VirtualMachine, find};
use hvreplica::wsman::{Item, Reply, ns};

use crate::support::script::{Answer, Script, coded, items};

const GUID: &str = "910A2DEC-8902-4CC1-BEEB-8DA1658EEC67";

fn system(id: &str, name: &str) -> Item {
    let instance = Instance::new("Msvm_ComputerSystem", NAMESPACE).with("Name", id).with("ElementName", name);
    Item { instance: Some(instance), reference: None }
}

fn found(all: Vec<Item>) -> Answer {
    Answer::Say(Box::new(Reply::Enumerate(items(all, None))))
}

async fn look(wanted: &str, answers: Vec<Answer>) -> Result<VirtualMachine, FindError> {
    find(&Script::new(answers).client(), wanted).await
}

#[tokio::test(start_paused = true)]
async fn the_host_itself_is_no_virtual_machine() {
    let host = || system("HV1", "HV1");
    assert!(matches!(look("HV1", vec![found(vec![host()])]).await, Err(FindError::Host)));
    // A machine of that name is one.
    let vm = look("HV1", vec![found(vec![host(), system(GUID, "HV1")])]).await.unwrap();
    assert_eq!(vm.id, GUID);
}

#[tokio::test(start_paused = true)]
async fn a_guid_is_never_a_display_name() {
    let impostor = system("DCA0C749-607E-4C86-B54B-3C40881E2907", GUID);
    let answer = look(GUID, vec![found(vec![impostor])]).await;
    assert!(matches!(answer, Err(FindError::NotFound { similar }) if similar.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn what_a_host_sends_besides_is_sifted() {
    // A host whose comparison is looser than ours.
    let others = || vec![system(GUID, "WEB01"), system("DCA0C749-607E-4C86-B54B-3C40881E2907", "web012")];
    let answer = look("web01", vec![found(others())]).await;
    assert!(matches!(answer, Err(FindError::NotFound { similar }) if similar.len() == 1));
    let refused = coded(ns::ENUMERATION, "CannotProcessFilter", Some(2_150_858_778));
    let vm = look("WEB01", vec![refused, found(others())]).await.unwrap();
    assert_eq!(vm.id, GUID);
}
