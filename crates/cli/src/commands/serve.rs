//! `serve` and `provider`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agendum_server::Hooks;

use super::Context;
use crate::failure::Failure;
use crate::host::Host;

/// Tells whoever watches; a server goes on when nobody does.
fn tell(line: &str) {
    let _closed = writeln!(anstream::stderr(), "{line}");
}

/// Until Ctrl-C or SIGTERM.
async fn interrupted() -> std::io::Result<()> {
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

pub(crate) async fn provider(listen: SocketAddr, word_ms: u64) -> Result<(), Failure> {
    let server = agendum_server::bind(listen, false).await?;
    let address = server.address();
    tell(&format!("offline model (extractive, no neural network): http://{address}/v1"));
    tell(&format!("try: curl http://{address}/v1/models"));
    let model = Arc::new(|asked: &serde_json::Value| {
        let mut given = asked.clone();
        if let Some(schema) = asked.pointer("/response_format/json_schema/schema") {
            given["schema"] = schema.clone();
        }
        let reply = agendum_adapters::offline::reply(&given)?;
        Ok((reply.text, reply.tokens_in, reply.tokens_out))
    });
    let router = agendum_server::provider(agendum_adapters::offline::MODEL, model, Duration::from_millis(word_ms));
    let hooks = Hooks::default();
    let stop = hooks.stop.clone();
    tokio::spawn(async move {
        // Without signals nothing but the end of the process stops it.
        let _ended = interrupted().await;
        stop.cancel();
    });
    Ok(server.serve_router(router, hooks).await?)
}
