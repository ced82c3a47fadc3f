//! The order in which items are judged, and the items that wait for each other.

/// Sorts items so that each comes after those on which it depends. Items that wait for each other, and those that
/// depend on them, are left out. `dependencies` has the items on which each depends.
pub(super) fn sorted(dependencies: &[Vec<usize>]) -> Vec<usize> {
    let mut waits_for: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let waiting = reversed(dependencies);
    let mut order: Vec<usize> = (0..waits_for.len())
        .filter(|n| waits_for.get(*n) == Some(&0))
        .collect();
    let mut next = 0;
    while let Some(done) = order.get(next).copied() {
        next += 1;
        for index in waiting.get(done).into_iter().flatten() {
            if let Some(remaining) = waits_for.get_mut(*index) {
                *remaining -= 1;
                if *remaining == 0 {
                    order.push(*index);
                }
            }
        }
    }
    order
}

/// Finds the items that wait for each other: those that depend on such an item, and on which one depends.
pub(super) fn circular(dependencies: &[Vec<usize>]) -> Vec<usize> {
    let mut is_circular = vec![true; dependencies.len()];
    for index in sorted(dependencies)
        .into_iter()
        .chain(sorted(&reversed(dependencies)))
    {
        if let Some(slot) = is_circular.get_mut(index) {
            *slot = false;
        }
    }
    let flags = is_circular.into_iter().enumerate();
    flags
        .filter_map(|(index, is_circular)| is_circular.then_some(index))
        .collect()
}

/// The items that depend on each.
fn reversed(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (index, on) in dependencies.iter().enumerate() {
        for other in on {
            if let Some(list) = dependents.get_mut(*other) {
                list.push(index);
            }
        }
    }
    dependents
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Whether a path of dependencies leads from one item to another.
    fn leads(dependencies: &[Vec<usize>], from: usize, to: usize) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), dependencies[from].clone());
        while let Some(index) = next.pop() {
            if seen.insert(index) {
                next.extend(&dependencies[index]);
            }
        }
        seen.contains(&to)
    }

    proptest! {
        #[test]
        fn items_in_circles_are_found_and_all_others_sorted(
            edges in (1_usize..9).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0..n, 0..3), n)),
        ) {
            let order = sorted(&edges);
            for (place, index) in order.iter().enumerate() {
                prop_assert!(edges[*index].iter().all(|on| order[..place].contains(on)));
            }
            let circular = circular(&edges);
            for index in 0..edges.len() {
                let is_in_circle = leads(&edges, index, index);
                prop_assert!(!is_in_circle || circular.contains(&index));
                // What is found is in a circle, or between two.
                let reaches = |on: &dyn Fn(usize) -> bool| (0..edges.len()).any(|o| leads(&edges, o, o) && on(o));
                if circular.contains(&index) {
                    prop_assert!(reaches(&|o| o == index || leads(&edges, index, o)));
                    prop_assert!(reaches(&|o| o == index || leads(&edges, o, index)));
                }
                let is_free = !reaches(&|o| o == index || leads(&edges, index, o));
                prop_assert_eq!(order.contains(&index), is_free);
            }
        }
    }
}
