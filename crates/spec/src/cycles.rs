//! Cycles in `needs`: found all at once, each with its path.

use agendum_types::graph::NodeId;
use petgraph::graph::DiGraph;

/// The cycles among nodes that need others, each as a path that ends where it began.
pub(crate) fn find(needs: &[&[NodeId]]) -> Vec<Vec<NodeId>> {
    let mut cycles: Vec<_> = components(needs).into_iter().map(|component| walk(needs, component)).collect();
    cycles.sort();
    cycles
}

/// The nodes that need each other, group by group: the strongly connected components that hold a cycle.
pub(crate) fn components(needs: &[&[NodeId]]) -> Vec<Vec<NodeId>> {
    let mut graph = DiGraph::<NodeId, ()>::new();
    let nodes: Vec<_> = (0..needs.len() as u32).map(|index| graph.add_node(NodeId(index))).collect();
    for (node, needs) in nodes.iter().zip(needs) {
        for need in *needs {
            graph.add_edge(*node, nodes[need.0 as usize], ());
        }
    }
    let components = petgraph::algo::kosaraju_scc(&graph);
    let cyclic = components
        .into_iter()
        .filter(|component| component.len() > 1 || graph.contains_edge(component[0], component[0]));
    cyclic.map(|component| component.iter().map(|index| graph[*index]).collect()).collect()
}

/// Walks inside a strongly connected component until a node comes again; the shortest way back is not sought, the first will do.
fn walk(needs: &[&[NodeId]], mut component: Vec<NodeId>) -> Vec<NodeId> {
    component.sort_unstable();
    let mut path = vec![component[0]];
    // Where on the path a node of the component stands.
    let mut seen = vec![None; component.len()];
    seen[0] = Some(0);
    loop {
        let here = path[path.len() - 1];
        let of_component = |need: &NodeId| component.binary_search(need).ok();
        let next = needs[here.0 as usize].iter().find_map(of_component);
        let next = next.expect("every node of a cycle needs another of it");
        path.push(component[next]);
        if let Some(start) = seen[next] {
            return path.split_off(start);
        }
        seen[next] = Some(path.len() - 1);
    }
}
