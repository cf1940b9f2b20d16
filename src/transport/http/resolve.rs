//! Name lookup whose failure can be told from other failures.

use std::error::Error;
use std::fmt;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The system's resolver.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => {
                    let found: Vec<_> = found.collect();
                    Ok::<Addrs, _>(Box::new(found.into_iter()))
                }
                Err(error) => Err(Box::new(NameNotFound(error)).into()),
            }
        })
    }
}

/// The name has no address.
#[derive(Debug)]
pub(super) struct NameNotFound(std::io::Error);

impl fmt::Display for NameNotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for NameNotFound {}
