//! The graphs under load, and what each of them may have done to the bank.

use std::net::SocketAddr;

/// A kind of graph.
pub(crate) struct Shape {
    pub(crate) text: String,
    /// Its calls to the bank.
    pub(crate) calls: Vec<Call>,
}

/// A task that calls the bank.
pub(crate) struct Call {
    pub(crate) path: &'static str,
    pub(crate) once: bool,
    /// Where nobody knows, the bank is asked.
    pub(crate) checked: bool,
    pub(crate) amount: u64,
}

const fn once(path: &'static str, amount: u64) -> Call {
    Call { path, once: true, checked: false, amount }
}

const fn checked(path: &'static str, amount: u64) -> Call {
    Call { path, once: true, checked: true, amount }
}

const fn keyed(path: &'static str, amount: u64) -> Call {
    Call { path, once: false, checked: false, amount }
}

const HEAD: &str = "version: 1
inputs: { type: object, required: [ticket], properties: { ticket: { type: string } } }
";

const SEQUENCE: &str = "name: sequence
tasks:
  think: { uses: chat, with: { prompt: '<text>${{ inputs.ticket }} pays.</text>' } }
  hold: { KEYED, needs: [think], with: WITH(hold, 300) }
  pay: { ONCE, needs: [hold], with: WITH(pay, 20) }
  note: { uses: chat, needs: [pay], with: { prompt: '<text>${{ tasks.pay.output.status }} is what it said.</text>' } }
output: { hold: '${{ tasks.hold.output }}', pay: '${{ tasks.pay.output }}' }
";

const WIDE: &str = "name: wide
tasks:
  each: { foreach: '${{ [0, 1, 2, 3] }}', max_parallel: 3, KEYED, with: WITH('each[${{ item }}]', 1000) }
  risky: { foreach: '${{ [0, 1, 2] }}', needs: [each], tolerate_failures: 3, ONCE, with: WITH('risky[${{ item }}]', 7) }
output: { each: '${{ tasks.each.output }}', risky: '${{ tasks.risky.output }}' }
";

const GROUP: &str = "name: trip
tasks:
  trip:
    tasks:
      flight: { ONCE, catch: [{ on: [uncertain], output: { json: unknown } }], with: WITH(trip/flight, 41) }
      hotel: { KEYED, with: WITH(trip/hotel, 50) }
      car: { ONCE, with: WITH(trip/car, 6) }
    output: { flight: '${{ tasks.flight.output }}', hotel: '${{ tasks.hotel.output }}', car: '${{ tasks.car.output }}' }
output: '${{ tasks.trip.output }}'
";

const FINALLY: &str = "name: settled
tasks:
  pay: { ONCE, with: WITH(pay, 9) }
  think: { uses: chat, needs: [pay], with: { prompt: '<text>It was paid.</text>' } }
output: '${{ tasks.pay.output }}'
finally:
  settle: { KEYED, with: WITH(settle, 2) }
  receipt: { ONCE, with: WITH(receipt, 3) }
";

const FREE: &str = "name: free
tasks:
  a: { uses: chat, with: { prompt: '<text>${{ inputs.ticket }} is one.</text>' } }
  b: { uses: chat, with: { prompt: '<text>${{ tasks.a.output.text }}</text>' } }
  c: { uses: moderate, with: { text: '${{ tasks.b.output.text }}' } }
output: { text: '${{ tasks.b.output.text }}', allowed: '${{ tasks.c.output.allowed }}' }
";

const CHECKED: &str = "name: checked
tasks:
  pay: { ASKS, with: WITH(pay, 13) }
  many: { foreach: '${{ [0, 1] }}', ASKS, with: WITH('many[${{ item }}]', 17) }
  look: { LOOK, with: LOOKS }
output: { pay: '${{ tasks.pay.output.json or tasks.pay.output }}', many: '${{ tasks.many.output }}' }
";

/// All of them, with a bank at this address.
pub(crate) fn all(bank: SocketAddr) -> Vec<Shape> {
    let shape = |text: &str, calls| Shape { text: written(text, bank), calls };
    let item = |number: usize| ["each[0]", "each[1]", "each[2]", "each[3]"][number];
    let wide = (0..4).map(|number| keyed(item(number), 1_000));
    let risky = ["risky[0]", "risky[1]", "risky[2]"].map(|path| once(path, 7));
    vec![
        shape(SEQUENCE, vec![keyed("hold", 300), once("pay", 20)]),
        shape(WIDE, wide.chain(risky).collect()),
        shape(GROUP, vec![once("trip/flight", 41), keyed("trip/hotel", 50), once("trip/car", 6)]),
        shape(FINALLY, vec![once("pay", 9), keyed("settle", 2), once("receipt", 3)]),
        shape(FREE, Vec::new()),
        shape(CHECKED, vec![checked("pay", 13), checked("many[0]", 17), checked("many[1]", 17)]),
    ]
}

/// The document that the short form stands for.
fn written(text: &str, bank: SocketAddr) -> String {
    let retry = "retry: { max_attempts: 8, initial_delay: 20ms, max_delay: 100ms }";
    let keyed = format!("uses: http, effect: idempotent, {retry}");
    let once = format!("uses: http, effect: once, on_uncertain: fail, {retry}");
    let asks = format!("uses: http, effect: once, on_uncertain: {{ check: look }}, {retry}");
    let look = format!(
        "if: '${{{{ false }}}}', uses: http, effect: none, catch: [{{ on: [permanent], output: false }}], {retry}"
    );
    let looks = format!("{{ method: POST, url: 'http://{bank}/look', json: {{ key: '${{{{ task.key }}}}' }} }}");
    let mut lines = HEAD.to_owned();
    for line in text.lines() {
        let mut line = line.replace("KEYED", &keyed).replace("ONCE", &once).replace("ASKS", &asks);
        line = line.replace("LOOKS", &looks).replace("LOOK", &look);
        if let Some((before, rest)) = line.split_once("WITH(") {
            let (path, rest) = rest.split_once(", ").unwrap();
            let (amount, rest) = rest.split_once(')').unwrap();
            let of = "run: '${{ run.id }}', ticket: '${{ inputs.ticket }}', mark: '${{ task.key }}'";
            let json = format!("{{ {of}, path: {path}, amount: {amount} }}");
            line = format!("{before}{{ method: POST, url: 'http://{bank}/pay', json: {json} }}{rest}");
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}
