//! `serve`: the HTTP API until somebody stops it.

use std::net::SocketAddr;

use agendum_ports::StoreError;
use agendum_store_sqlite::Directory;

use super::Context;
use crate::failure::Failure;
use crate::host::{Host, data_folder};
use crate::hosting::{signalled, tell, took_up};

pub(crate) async fn serve(context: &Context, listen: SocketAddr, attached: bool) -> Result<(), Failure> {
    on_loopback(listen)?;
    // Before the data directory is made: a configuration that cannot be run leaves nothing behind.
    context.config.sound()?;
    data_folder(&context.data)?;
    let directory = Directory::own(&context.data).map_err(in_use)?;
    let started = Host::start(&context.config, directory, &context.data, listen).await?;
    let (host, signalled) = (started.host, signalled());
    tell(&format!("agendum listens on http://{}", host.address));
    tell(&format!("data and token: {}", context.data.join("owner.json").display()));
    took_up(&started.left);
    tokio::select! {
        caught = signalled => drop(caught?),
        () = left_alone(), if attached => {}
    }
    tell("stopping: open runs go on when the data directory is opened again");
    host.stop().await;
    Ok(())
}

/// Until nobody holds the other end of standard input any more.
async fn left_alone() {
    let (ended, told) = tokio::sync::oneshot::channel();
    // A thread of its own, because nothing can end such a wait, and the process must not wait for it.
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ended.send(())
    });
    let _told = told.await;
}

/// Nothing here is served to other machines.
pub(super) fn on_loopback(listen: SocketAddr) -> Result<(), Failure> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    let hint = "this release speaks plain HTTP without tenants: put a proxy with TLS in front of 127.0.0.1";
    Err(Failure::usage(format!("{listen} is not a loopback address")).hint(hint))
}

fn in_use(error: StoreError) -> Failure {
    let StoreError::Owned { pid, .. } = &error else { return error.into() };
    let hint =
        format!("commands with this data directory are its clients already; kill {pid} stops it, and nothing is lost");
    Failure::usage(error).hint(hint)
}
