//! KDCs by the DNS: the SRV records of a realm (RFC 4120 7.2.3.2).

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

/// The KDCs of a realm, as `HOST:PORT` in the order to ask them: those for TCP first. None where no record says so,
/// or no name server answers in time.
pub(super) async fn kdcs(realm: &str, name_servers: &[SocketAddr], patience: Duration) -> Vec<String> {
    let resolver = match resolver(name_servers, patience) {
        Ok(resolver) => resolver,
        Err(error) => {
            tracing::debug!("the DNS cannot be asked for KDCs: {error}");
            return Vec::new();
        }
    };
    let found = async {
        let mut all: Vec<String> = Vec::new();
        for protocol in ["_tcp", "_udp"] {
            for kdc in look_up(&resolver, &format!("_kerberos.{protocol}.{realm}.")).await {
                if !all.contains(&kdc) {
                    all.push(kdc);
                }
            }
        }
        all
    };
    tokio::time::timeout(patience, found).await.unwrap_or_default()
}

/// Asks these name servers; without any, those of the system.
fn resolver(name_servers: &[SocketAddr], patience: Duration) -> Result<TokioResolver, NetError> {
    let mut builder = if name_servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = name_servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.to_vec())
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = patience / 3;
    options.cache_size = 0;
    builder.build()
}

/// Targets of the records of that name, in the order that priority and weight say (RFC 2782).
async fn look_up(resolver: &TokioResolver, name: &str) -> Vec<String> {
    let found = match resolver.srv_lookup(name).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(name, "no KDC in the DNS: {error}");
            return Vec::new();
        }
    };
    let records = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => Some(srv),
        _ => None,
    });
    // A target that is the root says that there is no such service.
    let mut records: Vec<_> = records.filter(|srv| !srv.target.is_root()).collect();
    records.sort_by_key(|srv| (srv.priority, Reverse(srv.weight)));
    let address = |host: String, port| format!("{}:{port}", host.trim_end_matches('.'));
    records.into_iter().map(|srv| address(srv.target.to_ascii(), srv.port)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use tokio::net::UdpSocket;

    use super::kdcs;

    /// A name server that knows the SRV records of `_kerberos.PROTOCOL.corp.test`: priority, weight, port, target.
    async fn name_server(records: &'static [(&str, [u16; 3], &str)]) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0; 512];
            loop {
                let (size, from) = socket.recv_from(&mut question).await.unwrap();
                let reply = answer(&question[..size], records);
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        address
    }

    fn answer(question: &[u8], records: &[(&str, [u16; 3], &str)]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
        let asked = String::from_utf8_lossy(&question[12..end]).to_lowercase();
        assert_eq!(question[end..end + 4], [0, 33, 0, 1]);
        let fitting: Vec<_> = records
            .iter()
            .filter(|record| asked == format!("\t_kerberos\u{4}{}\u{4}corp\u{4}test\0", record.0))
            .collect();
        let count = u8::try_from(fitting.len()).unwrap();
        let code = if fitting.is_empty() { 0x83 } else { 0x80 };
        let mut reply = [&question[..2], &[0x84, code, 0, 1, 0, count, 0, 0, 0, 0]].concat();
        reply.extend(&question[12..end + 4]);
        for (_, numbers, target) in fitting {
            let target: Vec<u8> = target
                .split('.')
                .filter(|label| !label.is_empty())
                .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat())
                .chain([0])
                .collect();
            let size = u16::try_from(6 + target.len()).unwrap();
            reply.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
            reply.extend(size.to_be_bytes());
            numbers.iter().for_each(|number| reply.extend(number.to_be_bytes()));
            reply.extend(target);
        }
        reply
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn in_the_order_of_the_records() {
        let server = name_server(&[
            ("_tcp", [20, 0, 88], "third.corp.test."),
            ("_tcp", [10, 1, 88], "second.corp.test."),
            ("_tcp", [10, 9, 750], "first.corp.test."),
            ("_udp", [0, 0, 88], "second.corp.test."),
            ("_udp", [0, 0, 88], "last.corp.test."),
        ])
        .await;
        let wanted =
            ["first.corp.test:750", "second.corp.test:88", "third.corp.test:88", "last.corp.test:88"];
        assert_eq!(kdcs("CORP.TEST", &[server], PATIENCE).await, wanted);
    }

    #[tokio::test]
    async fn no_records() {
        let nothing = [""; 0];
        let empty = name_server(&[]).await;
        assert_eq!(kdcs("CORP.TEST", &[empty], PATIENCE).await, nothing);
        let none_here = name_server(&[("_tcp", [0, 0, 0], ".")]).await;
        assert_eq!(kdcs("CORP.TEST", &[none_here], PATIENCE).await, nothing);
        assert_eq!(kdcs("NO REALM \\", &[empty], PATIENCE).await, nothing);
    }

    #[tokio::test]
    async fn a_name_server_that_does_not_answer_is_waited_for_in_vain() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let found = kdcs("CORP.TEST", &[silent.local_addr().unwrap()], Duration::from_millis(300)).await;
        assert_eq!(found, [""; 0]);
    }
}
