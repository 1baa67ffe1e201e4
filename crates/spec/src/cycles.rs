//! Cycles in `needs`: found all at once, each with its path.

use agendum_types::graph::{NodeId, Task};
use petgraph::graph::DiGraph;

/// The cycles among tasks, each as a path that ends where it began.
pub(crate) fn find(tasks: &[Task]) -> Vec<Vec<NodeId>> {
    let mut graph = DiGraph::<NodeId, ()>::new();
    let nodes: Vec<_> = (0..tasks.len() as u32).map(|index| graph.add_node(NodeId(index))).collect();
    for (index, task) in tasks.iter().enumerate() {
        for need in &task.needs {
            graph.add_edge(nodes[index], nodes[need.0 as usize], ());
        }
    }
    let components = petgraph::algo::kosaraju_scc(&graph);
    let cyclic = components
        .into_iter()
        .filter(|component| component.len() > 1 || graph.contains_edge(component[0], component[0]));
    let mut cycles: Vec<_> =
        cyclic.map(|component| walk(tasks, component.iter().map(|index| graph[*index]).collect())).collect();
    cycles.sort();
    cycles
}

/// Walks inside a strongly connected component until a task comes again; the shortest way back is not sought, the first will do.
fn walk(tasks: &[Task], mut component: Vec<NodeId>) -> Vec<NodeId> {
    component.sort_unstable();
    let mut path = vec![component[0]];
    loop {
        let here = path[path.len() - 1];
        let next = tasks[here.0 as usize].needs.iter().find(|need| component.contains(need)).copied();
        let next = next.expect("every task of a cycle needs another of it");
        if let Some(start) = path.iter().position(|seen| *seen == next) {
            path.push(next);
            return path.split_off(start);
        }
        path.push(next);
    }
}
