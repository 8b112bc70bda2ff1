//! The scenarios that leaklab ships, in the order in which they are shown and run.

use std::sync::OnceLock;

use crate::{
    Scenario, alts_timeout, blocked_senders, channel_io, defer_in_loop, fanout_await,
    recursive_async, shape,
};

/// What [`all`] hands out, once it is fixed.
static ALL: OnceLock<Vec<&'static dyn Scenario>> = OnceLock::new();

/// Puts scenarios of another crate beside those of this one; to be called before anything else.
///
/// # Errors
///
/// A name that is there already, or that the catalogue was in use before.
pub fn register(scenarios: &[&'static dyn Scenario]) -> Result<(), String> {
    let mut all = built_in().to_vec();
    for scenario in scenarios {
        let name = scenario.description().name;
        if all.iter().any(|known| known.description().name == name) {
            return Err(format!("there are two scenarios `{name}`"));
        }
        all.push(*scenario);
    }
    let refused = |_| "scenarios are registered before the catalogue is used".to_owned();
    ALL.set(all).map_err(refused)
}

/// All scenarios, those of other crates last.
pub fn all() -> &'static [&'static dyn Scenario] {
    ALL.get_or_init(|| built_in().to_vec())
}

/// The scenarios of this crate. Adding one is a folder and a line here.
fn built_in() -> &'static [&'static dyn Scenario] {
    &[
        &alts_timeout::AltsTimeout,
        &defer_in_loop::DeferInLoop,
        &blocked_senders::BlockedSenders,
        &recursive_async::RecursiveAsync,
        &channel_io::ChannelIo,
        &fanout_await::FanoutAwait,
        &shape::Shape,
    ]
}

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static dyn Scenario> {
    all()
        .iter()
        .copied()
        .find(|scenario| scenario.description().name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;
    use std::collections::HashSet;

    #[test]
    fn every_declaration_is_complete_and_names_are_unique() {
        let mut names = HashSet::new();
        for scenario in all() {
            let description = scenario.description();
            assert!(names.insert(description.name), "{}", description.name);
            let defaults = Parameters::defaults(description.parameters);
            let mut variants = HashSet::new();
            for variant in description.variants {
                let address = format!("{}::{}", description.name, variant.name);
                assert!(variants.insert(variant.name), "{address}");
                assert!(!variant.summary.is_empty(), "{address}");
                assert!(!variant.retained_formula.is_empty(), "{address}");
                let retained = (variant.retained_bytes_per_operation)(&defaults);
                let leaks = retained > description.budget_bytes_per_operation;
                let expected = variant.expected == crate::Expected::Leak;
                assert!(
                    leaks == expected || variant.expected == crate::Expected::Dies,
                    "{address} retains {retained} bytes per operation"
                );
            }
            for name in description.tour {
                assert!(description.variant(name).is_some(), "{name}");
            }
        }
    }
}
