//! `wsman` and `decode`.

use super::{command, end, folder, run, still, transcript};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_in_every_format() {
    let server = still("healthy").await;
    let guid = server.inspect(|world| world.target().unwrap().guid.clone());
    let name = format!("Name={guid}");
    let key = ["--selector", "CreationClassName=Msvm_ComputerSystem", "--selector", name.as_str()];
    let mut text = String::new();
    for format in ["human", "json", "ndjson"] {
        for args in [
            vec!["wsman", "identify"],
            [&["wsman", "get", "Msvm_ComputerSystem"], &key[..]].concat(),
            vec!["wsman", "enumerate", "Msvm_ReplicationService", "--mode", "epr"],
            vec![
                "wsman",
                "enumerate",
                "Msvm_ComputerSystem",
                "--wql",
                "SELECT Name, ElementName FROM Msvm_ComputerSystem WHERE ElementName LIKE 'state-0%'",
                "--max-elements",
                "3",
            ],
            [
                &["wsman", "invoke", "Msvm_ComputerSystem", "RequestReplicationStateChange"],
                &key[..],
                &["--param", "RequestedState=7"],
            ]
            .concat(),
        ] {
            let args = [&args[..], &["-o", format]].concat();
            let ended = run(&server, &args).await;
            text.push_str(&transcript(&args, &ended));
        }
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_host_refuses() {
    let server = still("healthy").await;
    let mut text = String::new();
    for args in [
        vec!["wsman", "get", "Msvm_NoSuchClass", "--selector", "Name=x"],
        vec!["wsman", "get", "Msvm_ConcreteJob", "--selector", "InstanceID=x"],
        vec!["wsman", "get", "Msvm_ConcreteJob", "--selector", "InstanceID=x", "-o", "json"],
        vec!["wsman", "enumerate", "Msvm_ComputerSystem", "--wql", "SELEKT"],
        vec!["wsman", "enumerate", "Msvm_NoSuchClass", "-o", "json"],
        vec!["wsman", "invoke", "Msvm_ConcreteJob", "NoSuchMethod", "--selector", "InstanceID=x"],
        vec!["wsman", "invoke", "Msvm_ConcreteJob", "GetErrorEx", "--selector", "InstanceID=x", "-o", "json"],
        vec!["wsman", "get", "Win32_Nothing", "-n", "root/nowhere"],
    ] {
        // The host complains of some of them, as it should.
        let ended = end(super::command_on(&server.url(), &args)).await;
        text.push_str(&transcript(&args, &ended));
    }
    insta::assert_snapshot!(text);
    assert_eq!(server.truth().open_enumerations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decoded() {
    let server = still("healthy").await;
    let recording = folder("decoded").join("recording");
    run(&server, &["--record", recording.to_str().unwrap(), "wsman", "identify"]).await;
    let mut command =
        command(&["decode", "01-identify.request.xml", "no-such-file.xml", "01-identify.response.xml"]);
    command.current_dir(&recording);
    let ended = end(command).await;
    insta::assert_snapshot!(transcript(&["decode", "request", "no-such-file", "response"], &ended));
}
