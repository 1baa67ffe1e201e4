//! `serve`: the HTTP API until somebody stops it.

use std::io::Write as _;
use std::net::SocketAddr;

use super::Context;
use crate::failure::Failure;
use crate::host::Host;

/// Tells whoever watches; a server goes on when nobody does.
pub(super) fn tell(line: &str) {
    let _closed = writeln!(anstream::stderr(), "{line}");
}

/// Until Ctrl-C or SIGTERM.
pub(super) async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = term.recv() => Ok(()),
    }
}

pub(crate) async fn serve(context: &Context, listen: SocketAddr) -> Result<(), Failure> {
    if !listen.ip().is_loopback() {
        let hint = "this release speaks plain HTTP without tenants: put a proxy with TLS in front of 127.0.0.1";
        return Err(Failure::usage(format!("{listen} is not a loopback address")).hint(hint));
    }
    let started = Host::start(&context.config, &context.data, listen).await?;
    let host = started.host;
    if host.moved {
        tell(&format!("port {} is taken", listen.port()));
    }
    tell(&format!("agendum listens on http://{}", host.address));
    tell(&format!("data and token: {}", context.data.join("owner.json").display()));
    interrupted().await?;
    tell("stopping: open runs go on when the data directory is opened again");
    host.stop().await;
    Ok(())
}
