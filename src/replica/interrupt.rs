//! The wish to stop.

use std::time::Duration;

use tokio::sync::watch;

/// Tells when somebody wants to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Option<watch::Receiver<bool>>);

impl Interrupt {
    /// Heeds that channel: `true` is the wish to stop.
    pub fn new(wish: watch::Receiver<bool>) -> Self {
        Self(Some(wish))
    }

    /// Nobody ever wants to stop.
    pub const fn never() -> Self {
        Self(None)
    }

    /// Whether somebody wants to stop.
    pub fn is_wished(&self) -> bool {
        self.0.as_ref().is_some_and(|wish| *wish.borrow())
    }

    /// Waits for the wish.
    pub async fn wished(&self) {
        if let Some(wish) = &self.0 {
            let mut wish = wish.clone();
            if wish.wait_for(|wished| *wished).await.is_ok() {
                return;
            }
        }
        std::future::pending().await
    }

    /// Waits until the wish is that old.
    pub(super) async fn wished_for(&self, long: Duration) {
        self.wished().await;
        tokio::time::sleep(long).await;
    }
}

/// What an interruption does to a resynchronization that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInterrupt {
    /// It goes on.
    #[default]
    Leave,
    /// It is cancelled.
    Cancel,
}
