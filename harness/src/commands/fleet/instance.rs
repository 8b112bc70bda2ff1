//! The instances of a service: their names, what they run, and their lives.

use super::Identity;
use leaklab_reports::fleet::{Life, Starts};
use leaklab_reports::foreign::RangeSeries;
use std::collections::{BTreeMap, BTreeSet};

/// The instances of a service, each named by the labels that tell it from the others, and cut where
/// it was started anew.
pub(super) fn lives_of(
    instances: Vec<RangeSeries>,
    service: &Identity,
    starts: &Starts,
) -> Vec<Life> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in instances.iter().flat_map(|one| &one.labels) {
        values
            .entry(name.clone())
            .or_default()
            .insert(value.clone());
    }
    let tells = |name: &str| {
        !service.contains_key(name) && values.get(name).is_some_and(|values| values.len() > 1)
    };
    let named = |series: RangeSeries| {
        let words: Vec<String> = (series.labels.iter())
            .filter(|(name, _)| tells(name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let life = Life {
            name: words.join(", "),
            build: said(&BUILD, &series.labels),
            rollout: rollout_of(&series.labels),
            time_s: series.time_s,
            value: series.value,
            ..Life::default()
        };
        starts.lives(life, &series.labels)
    };
    instances.into_iter().flat_map(named).collect()
}

/// Labels that say what an instance runs.
const BUILD: [&str; 6] = [
    "image",
    "image_id",
    "image_tag",
    "version",
    "app_version",
    "app_kubernetes_io_version",
];

/// Labels that say which rollout started it.
const ROLLOUT: [&str; 2] = ["pod_template_hash", "revision"];

/// What labels of these names say.
fn said(names: &[&str], labels: &Identity) -> String {
    let said = names.iter().filter_map(|name| labels.get(*name));
    let said = said.filter(|value| !value.is_empty());
    said.cloned().collect::<Vec<_>>().join(" ")
}

/// Which rollout started an instance, as its labels say it, or the hash that a ReplicaSet of
/// Kubernetes puts into the names of its pods (`cart-7d9f8b6c5-x2x4z`).
fn rollout_of(labels: &Identity) -> String {
    let hash = ["pod", "pod_name"]
        .iter()
        .find_map(|name| template_hash(labels.get(*name)?));
    match said(&ROLLOUT, labels) {
        said if said.is_empty() => hash.unwrap_or_default().to_owned(),
        said => said,
    }
}

/// The hash of the template in the name of a pod of a Deployment.
fn template_hash(pod: &str) -> Option<&str> {
    let mut parts = pod.rsplit('-');
    let (pod, hash) = (parts.next()?, parts.next()?);
    parts.next()?;
    let is_drawn = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() && !"aeiou".contains(c);
    // Kubernetes draws both from letters without vowels, so that no word comes of them.
    let is_one = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.chars().all(is_drawn)
    };
    (is_one(pod, 5..=5) && is_one(hash, 6..=10)).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_and_rollouts_are_known_by_labels_and_by_the_names_of_pods() {
        let labels = |pairs: &[(&str, &str)]| -> Identity {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        for (pairs, build, rollout) in [
            (&[("pod", "cart-7d9f8b6c5-x2x4z")][..], "", "7d9f8b6c5"),
            (&[("pod", "cart-db-0"), ("image", "db:15")], "db:15", ""),
            (&[("pod", "cart-worker-green"), ("revision", "4")], "", "4"),
            (&[("instance", "10.0.0.1:80")], "", ""),
        ] {
            let labels = labels(pairs);
            assert_eq!(said(&BUILD, &labels), build, "{pairs:?}");
            assert_eq!(rollout_of(&labels), rollout, "{pairs:?}");
        }
    }
}
