//! Drives a follower.

use std::time::Duration;

use crate::cim::Reference;
use crate::client::Client;
use crate::error::Error;

use super::{Action, Ending, Follow, Job, JobReader, Observation, Pace};

/// How to follow.
#[derive(Clone, Copy, Debug)]
pub struct FollowOptions {
    /// The first pause between two looks.
    pub first_pause: Duration,
    /// The longest.
    pub longest_pause: Duration,
    /// How long the host may be out of reach.
    pub patience: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(15),
            patience: Duration::from_secs(600),
        }
    }
}

impl FollowOptions {
    /// The pace for what is followed, uneven by its name.
    pub fn pace(&self, name: &str) -> Pace {
        let seed = name.bytes().fold(0_u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Pace::new(self.first_pause, self.longest_pause, seed)
    }
}

/// Follows a job to its end; `report` hears of every look that brought something. Dropping the future stops
/// the following and nothing else.
///
/// # Errors
/// The credential was refused on the way; asking again with it would only lock the account.
pub async fn follow(
    client: &Client,
    reference: Reference,
    options: FollowOptions,
    mut report: impl FnMut(&Job),
) -> Result<Ending, Error> {
    let mut follow = Follow::new(options.pace(&client_seed(&reference)), options.patience);
    let mut reader = JobReader::new(reference);
    loop {
        let observation = match reader.read(client).await {
            Ok(Some(job)) => {
                report(&job);
                Observation::Seen(Box::new(job))
            }
            Ok(None) => Observation::Gone,
            Err(error) if error.is_unauthorized() || error.is_configuration() => return Err(error),
            Err(error) => {
                tracing::warn!(error = %error.chain(), "the job cannot be read");
                Observation::Unreadable
            }
        };
        match follow.step(observation, client.clock().elapsed()) {
            Action::Poll(pause) => client.clock().sleep(pause).await,
            Action::Done(ending) => return Ok(ending),
        }
    }
}

fn client_seed(reference: &Reference) -> String {
    reference.selector("InstanceID").unwrap_or_default().to_owned()
}
