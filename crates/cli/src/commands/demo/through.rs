//! The same agents as runs of Agendum, in this process: the same core and adapters as of a server, with a door for each tenant.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use agendum_store_sqlite::Directory;
use agendum_types::Tenant;
use agendum_wire::v1::Why;
use futures_util::future::try_join_all;
use serde_json::json;
use tempfile::TempDir;

use super::own::run_of;
use super::quota::{Limited, PER_SECOND};
use super::rate::{Agent, Ran, TENANTS, TURNS, prompt};
use crate::client::Client;
use crate::config::Config;
use crate::failure::{FAILED, Failure};
use crate::host::Host;

/// An engine with its data directory, which goes with it.
pub(super) struct Through {
    // Before the folder, so that nothing writes into it any more when it goes.
    host: Host,
    doors: BTreeMap<&'static str, Client>,
    _folder: TempDir,
}

impl Through {
    /// It knows of its provider what that says of itself, by the minute.
    pub(super) async fn open(provider: &Limited) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("agendum-demo-").tempdir()?;
        let config = Config::told(&format!(
            "offline = false\n[targets.model]\nkind = \"chat\"\nbase_url = \"http://{}/v1\"\nmodel = \"offline/extractive\"\n\
             classes = [\"small\", \"large\"]\nconcurrency = 64\nrate = {{ requests = {} }}\n",
            provider.address,
            60 * PER_SECOND
        ))?;
        let data = folder.path().join("data");
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let host = Host::start(&config, Directory::own(&data)?, &data, listen).await?.host;
        let mut doors = BTreeMap::new();
        for tenant in TENANTS {
            doors.insert(tenant, host.door(&config, Tenant::new(tenant)).await?);
        }
        Ok(Self { host, doors, _folder: folder })
    }

    fn door(&self, tenant: &str) -> Result<&Client, Failure> {
        self.doors.get(tenant).ok_or_else(|| Failure::new(FAILED, format!("no tenant {tenant}")))
    }

    /// Lets all of them work.
    pub(super) async fn work(&self, agents: &[Agent]) -> Result<Vec<Ran>, Failure> {
        let document = document();
        try_join_all(agents.iter().map(|agent| self.run(agent, &document))).await
    }

    async fn run(&self, agent: &Agent, document: &str) -> Result<Ran, Failure> {
        tokio::time::sleep(agent.comes).await;
        let (began, door) = (Instant::now(), self.door(agent.tenant)?);
        let id = door.submit(&run_of(document, json!({ "agent": agent.name }))).await?.id;
        let is_answered = door.answer(&id, false).await?.output.is_some();
        Ok(Ran { tenant: agent.tenant, id, took: began.elapsed(), is_answered, refused_most: 0 })
    }

    pub(super) async fn why(&self, ran: &Ran) -> Result<Why, Failure> {
        self.door(ran.tenant)?.why(&ran.id, None, 0).await
    }

    pub(super) async fn close(self) {
        self.host.stop().await;
    }
}

/// The turns, one after the other.
fn document() -> String {
    let mut text = "version: 1\nname: agent\n\
        inputs: { type: object, required: [agent], properties: { agent: { type: string } } }\ntasks:\n"
        .to_owned();
    let mut before = String::new();
    for (name, asked) in TURNS {
        let asked = prompt(asked, "${{ inputs.agent }}");
        text.push_str(&format!(
            "  {name}:\n    uses: chat\n{before}    retry: {{ max_attempts: 20 }}\n    with: {{ prompt: {asked:?} }}\n"
        ));
        before = format!("    needs: [{name}]\n");
    }
    let last = TURNS.map(|(name, _)| name)[TURNS.len() - 1];
    text.push_str(&format!("output: \"${{{{ tasks.{last}.output.text }}}}\"\n"));
    text
}
