//! `resources`: units of pools that each attempt holds.

use agendum_types::Need;
use agendum_types::graph::NodeId;
use agendum_types::pool::UNITS_MAX;

use crate::lower::Lower;
use crate::tree::Node;

impl Lower<'_, '_> {
    pub(super) fn resources(&mut self, id: NodeId, node: &Node) {
        // Of a group that is said with its other words.
        let Some(resources) = node.get("resources").filter(|_| !self.is_group(id)) else { return };
        if self.is_wait(id) {
            let message = "a `wait` holds no `resources`: no attempt of it is sent";
            return self.diagnostics.error("call_only", &resources.span, message, "give them to the task that works");
        }
        // What is no number of units the schema has said.
        let units = |units: &Node| u32::try_from(units.whole()?).ok().filter(|units| (1..=UNITS_MAX).contains(units));
        let need = |(pool, of): (&str, &Node)| Some(Need { pool: pool.into(), units: units(of)? });
        let entries = resources.entries().iter().map(|(key, of)| (&*key.name, of));
        let mut needs: Vec<Need> = entries.filter_map(need).collect();
        needs.sort_unstable();
        self.graph.tasks[id.0 as usize].resources = needs.into();
    }
}
