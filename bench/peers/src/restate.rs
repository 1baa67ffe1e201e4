//! Restate: the service that its server calls, and its ingress, as a client sees it.

use std::sync::Arc;

use restate_sdk::prelude::*;
use serde_json::Value;

use crate::drive::{Flow, Peer, SLOW_STEPS, Steps, told};
use crate::http::Pool;

struct Flows(Arc<Steps>);

#[service]
impl Flows {
    #[handler]
    async fn seq(&self, ctx: Context<'_>, number: u64) -> Result<u64, HandlerError> {
        let mut value = number;
        for _ in 0..10 {
            value = ctx.run(move || async move { Ok(value + 1) }).await?;
        }
        Ok(value)
    }

    /// This SDK cannot run `ctx.run` side by side, so that each step is a call of a handler.
    #[handler]
    async fn fan(&self, ctx: Context<'_>, number: u64) -> Result<u64, HandlerError> {
        let mut calls = DurableFuturesUnordered::new();
        for step in 0..100 {
            calls.push(ctx.service_client::<FlowsClient>().add(Json((number, step))).call());
        }
        let mut sum = 0;
        while let Some((_, value)) = calls.next().await? {
            sum += value?;
        }
        Ok(sum)
    }

    #[handler]
    async fn add(&self, _ctx: Context<'_>, given: Json<(u64, u64)>) -> Result<u64, HandlerError> {
        let Json((one, other)) = given;
        Ok(one + other)
    }

    #[handler]
    async fn slow(&self, ctx: Context<'_>, number: u64) -> Result<u64, HandlerError> {
        let mut value = number;
        for _ in 0..SLOW_STEPS {
            let steps = Arc::clone(&self.0);
            value = ctx
                .run(move || async move { steps.slow(value).await.map_err(|wrong| TerminalError::new(wrong).into()) })
                .await?;
        }
        Ok(value)
    }
}

pub(crate) async fn serve(address: &str) -> Result<(), String> {
    let flows = Flows(Arc::new(Steps::open()));
    HttpServer::new(Endpoint::builder().bind(flows).build()).listen_and_serve(address.parse().map_err(told)?).await;
    Ok(())
}

/// A client of the ingress.
#[derive(Clone)]
pub(crate) struct Restate(Arc<Pool>);

impl Restate {
    pub(crate) fn new(address: &str) -> Self {
        Self(Arc::new(Pool::new(address)))
    }
}

impl Peer for Restate {
    async fn run(&self, flow: Flow, number: u64) -> Result<u64, String> {
        let answer = self.0.ask("POST", &format!("/Flows/{}", flow.word()), "", number.to_string()).await?;
        serde_json::from_slice(&answer).map_err(told)
    }

    async fn start(&self, number: u64) -> Result<String, String> {
        let answer = self.0.ask("POST", "/Flows/slow/send", "", number.to_string()).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(told)?;
        answer["invocationId"].as_str().map(str::to_owned).ok_or_else(|| format!("no invocation in {answer}"))
    }

    async fn attach(&self, id: &str) -> Result<u64, String> {
        let answer = self.0.ask("GET", &format!("/restate/invocation/{id}/attach"), "", String::new()).await?;
        serde_json::from_slice(&answer).map_err(told)
    }
}
