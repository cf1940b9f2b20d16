//! Ctrl-C and the request of the system to end.

use std::task::Poll;

use tokio::sync::watch;

use crate::replica::Interrupt;

/// Heeds interruptions from now on: the first is a wish to stop, the second ends the program at once.
pub(super) fn heed() -> Interrupt {
    let (interrupt, insisted) = heed_both();
    tokio::spawn(async move {
        insisted.wished().await;
        leave();
    });
    interrupt
}

/// Heeds interruptions from now on: the first wish to stop, and the one that insists.
pub(super) fn heed_both() -> (Interrupt, Interrupt) {
    let (wish, heard) = watch::channel(false);
    let (insist, heard_again) = watch::channel(false);
    tokio::spawn(async move {
        signal().await;
        wish.send_replace(true);
        signal().await;
        insist.send_replace(true);
        // Whoever heeds them is not to be left waiting for a sender that is gone.
        std::future::pending::<()>().await;
    });
    (Interrupt::new(heard), Interrupt::new(heard_again))
}

#[expect(clippy::exit, reason = "whoever interrupts twice does not want to wait for an orderly end")]
fn leave() -> ! {
    std::process::exit(super::Exit::Interrupted.code().into())
}

/// Waits for the next one.
pub(super) async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// The same, heeded from now on and not only once it is waited for.
pub(super) async fn heeded_signal() -> impl Future<Output = ()> {
    let mut next = Box::pin(signal());
    let is_there = std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_ready())).await;
    async move {
        if !is_there {
            next.await;
        }
    }
}
