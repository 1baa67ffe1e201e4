//! Agendum's server, as a client sees it: submits a document over HTTP, and waits for the answer.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::drive::{Flow, Peer, SLOW_STEPS, told};
use crate::http::Pool;

#[derive(Clone)]
pub(crate) struct Agendum(Arc<Inner>);

struct Inner {
    pool: Pool,
    data: PathBuf,
    token: Mutex<String>,
    strict: bool,
    documents: [String; 3],
}

impl Agendum {
    /// The server at this address on this data directory; its steps are calls of the service.
    pub(crate) fn new(address: &str, data: &str, service: &str, strict: bool) -> Result<Self, String> {
        let documents = Flow::ALL.map(|flow| document(flow, service));
        let inner = Inner {
            pool: Pool::new(address),
            data: data.into(),
            token: token(Path::new(data))?.into(),
            strict,
            documents,
        };
        Ok(Self(Arc::new(inner)))
    }

    async fn submit(&self, flow: Flow, number: u64) -> Result<String, String> {
        let document = Flow::ALL.into_iter().zip(&self.0.documents).find(|(one, _)| *one == flow).map(|(_, text)| text);
        let body = json!({"document": document, "inputs": {"n": number}, "strict": self.0.strict}).to_string();
        let answer = self.ask("POST", "/v1/runs", body).await?;
        answer["id"].as_str().map(str::to_owned).ok_or_else(|| format!("no id in {answer}"))
    }

    async fn answer(&self, id: &str) -> Result<u64, String> {
        let answer = self.ask("GET", &format!("/v1/runs/{id}/answer?limit=0"), String::new()).await?;
        answer["output"].as_u64().filter(|_| answer["status"] == "succeeded").ok_or_else(|| answer.to_string())
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> Result<Json, String> {
        let token = self.0.token.lock().map_err(told)?.clone();
        serde_json::from_slice(&self.0.pool.ask(method, path, &token, body).await?).map_err(told)
    }
}

impl Peer for Agendum {
    async fn run(&self, flow: Flow, number: u64) -> Result<u64, String> {
        let id = self.submit(flow, number).await?;
        self.answer(&id).await
    }

    async fn start(&self, number: u64) -> Result<String, String> {
        self.submit(Flow::Slow, number).await
    }

    async fn attach(&self, id: &str) -> Result<u64, String> {
        // A server that was started anew may have another token.
        *self.0.token.lock().map_err(told)? = token(&self.0.data)?;
        self.answer(id).await
    }
}

fn token(data: &Path) -> Result<String, String> {
    let owner: Json = serde_json::from_str(&read_to_string(data.join("owner.json")).map_err(told)?).map_err(told)?;
    owner["token"].as_str().map(|token| format!("Bearer {token}")).ok_or_else(|| "an owner without a token".to_owned())
}

fn document(flow: Flow, service: &str) -> String {
    let head =
        format!("version: 1\nname: {}\ninputs: {{ properties: {{ n: {{ type: integer }} }} }}\ntasks:\n", flow.word());
    let (steps, what) = match flow {
        Flow::Seq => (10, "add"),
        Flow::Slow => (SLOW_STEPS, "slow"),
        Flow::Fan => {
            let call = format!("url: 'http://{service}/add/${{{{ inputs.n }}}}/${{{{ item }}}}'");
            return format!(
                "{head}  each: {{ foreach: '${{{{ range(100) }}}}', max_parallel: 100, uses: http, effect: none, with: {{ {call} }} }}\n\
                 output: \"${{{{ tasks.each.output | map(attribute='json') | sum }}}}\"\n"
            );
        }
    };
    let mut text = head;
    let mut before = "inputs.n".to_owned();
    for step in 0..steps {
        let url = format!("http://{service}/{what}/${{{{ {before} }}}}/1");
        text.push_str(&format!("  t{step}: {{ uses: http, effect: none, with: {{ url: '{url}' }} }}\n"));
        before = format!("tasks.t{step}.output.json");
    }
    format!("{text}output: '${{{{ {before} }}}}'\n")
}
