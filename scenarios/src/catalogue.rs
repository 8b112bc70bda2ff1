//! The scenarios that leaklab ships, in the order in which they are shown and run.

use crate::{
    Scenario, alts_timeout, blocked_senders, channel_io, defer_in_loop, fanout_await,
    recursive_async, shape,
};

/// All scenarios. Adding one is a folder of this crate and a line here.
pub fn all() -> &'static [&'static dyn Scenario] {
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
                assert_eq!(
                    leaks, expected,
                    "{address} retains {retained} bytes per operation"
                );
            }
            for name in description.tour {
                assert!(description.variant(name).is_some(), "{name}");
            }
        }
    }
}
