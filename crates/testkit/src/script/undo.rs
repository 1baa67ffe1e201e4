//! What takes a task of a script back.

use agendum_types::graph::{
    COMPENSATE, Call, Form, NodeId, OnUncertain, Requirement, Retry, Section, Task, Timeouts, Work,
};
use agendum_types::{Capability, Effect};

use super::{Builder, number};

impl Builder {
    /// What takes a task back, tried so many times; its input reads the task's output and key.
    pub(super) fn compensation(&mut self, of: NodeId, attempts: &str) {
        let node = NodeId(self.graph.tasks.len() as u32);
        let blank = self.graph.tasks[of.0 as usize].clone();
        let input = self.expr(Form::Tree, "input");
        let call = Call {
            capability: Capability::Chat,
            input,
            requirement: Requirement::default(),
            output_cap: None,
            child: None,
            kind: None,
        };
        let attempts_max = if attempts.is_empty() { Retry::PATIENT.attempts_max } else { number(attempts) };
        self.graph.tasks.push(Task {
            name: COMPENSATE.into(),
            parent: Some(of),
            section: Section::Compensation,
            work: Work::Call(call),
            retry: Retry { attempts_max, jitter: false, ..Retry::PATIENT },
            effect: Effect::Idempotent,
            effect_declared: true,
            condition: None,
            foreach: None,
            repeat: None,
            timeouts: Timeouts::default(),
            fail_if: None,
            on_uncertain: OnUncertain::Fail,
            needs: Vec::new(),
            needed_by: Vec::new(),
            catch: Vec::new(),
            publish_after: Vec::new(),
            optional: false,
            no_fallback: false,
            live: false,
            not_before: None,
            delay: None,
            within: None,
            judges: None,
            ..blank
        });
        self.names.push(Vec::new());
        self.graph.tasks[of.0 as usize].compensate = Some(node);
        self.graph.tasks[of.0 as usize].effect_declared = true;
    }
}
