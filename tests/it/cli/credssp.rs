//! `--auth credssp` from the command line.

use hvreplica::simulator::Server;

use super::{PASSWORD, USER, command_on, end, run, settings};

const WARNING: &str = "--auth credssp hands the password over to 127.0.0.1";

async fn host() -> Server {
    let mut settings = settings("healthy");
    settings.offers.credssp = true;
    Server::start(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_warns_once_unless_it_is_to_be_quiet() {
    let server = host().await;
    for (more, warnings) in [("-v", 1), ("-q", 0)] {
        let ended = run(&server, &["resync", "web01", "web01", "--dry-run", "--auth", "credssp", more]).await;
        assert_eq!((ended.code, ended.err.matches(WARNING).count()), (0, warnings), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_end_with_a_reason_and_a_way_out() {
    let with = host().await;
    let without = super::still("healthy").await;
    let url = [with.url(), without.url()];
    for (url, password, wanted) in [
        (&url[0], "another", ["STATUS_LOGON_FAILURE (0xC000006D)", "hint: check the user and the password"]),
        (
            &url[1],
            PASSWORD,
            ["the host does not offer credssp (it offers Negotiate)", "Enable-WSManCredSSP -Role Server"],
        ),
    ] {
        let mut command = command_on(url, &["status", "--auth", "credssp", "--user", USER]);
        command.env("HVREPLICA_PASSWORD", password);
        let ended = end(command).await;
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(wanted.iter().all(|text| ended.err.contains(text)), "{ended:?}");
    }
    assert_eq!(with.truth().requests, []);
}
