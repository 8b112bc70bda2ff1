//! What is meant by a selector: scenarios of the catalogue and of files, their variants.

use crate::config::{OwnScenario, OwnVariant};
use crate::exit::usage;
use crate::text::{Glob, nearest};
use leaklab_scenarios::{Scenario, Variant, catalogue};

/// A scenario, wherever it comes from.
#[derive(Clone, Copy)]
pub enum AnyScenario<'a> {
    /// Of the catalogue.
    BuiltIn(&'static dyn Scenario),
    /// Of a file.
    Own(&'a OwnScenario),
}

/// A scenario with one of its variants.
#[derive(Clone, Copy)]
pub enum Selected<'a> {
    /// Of the catalogue.
    BuiltIn(&'static dyn Scenario, &'static Variant),
    /// Of a file.
    Own(&'a OwnScenario, &'a OwnVariant),
}

impl<'a> AnyScenario<'a> {
    /// Its name.
    pub fn name(self) -> &'a str {
        match self {
            AnyScenario::BuiltIn(scenario) => scenario.description().name,
            AnyScenario::Own(scenario) => &scenario.name,
        }
    }

    /// Its variants.
    pub fn variants(self) -> Vec<Selected<'a>> {
        match self {
            AnyScenario::BuiltIn(scenario) => {
                let variants = scenario.description().variants.iter();
                variants.map(|v| Selected::BuiltIn(scenario, v)).collect()
            }
            AnyScenario::Own(scenario) => {
                let variants = scenario.variants.iter();
                variants.map(|v| Selected::Own(scenario, v)).collect()
            }
        }
    }
}

impl<'a> Selected<'a> {
    /// Name of the variant.
    pub fn variant(self) -> &'a str {
        match self {
            Selected::BuiltIn(_, variant) => variant.name,
            Selected::Own(_, variant) => &variant.name,
        }
    }

    /// Name of the scenario.
    pub fn scenario(self) -> &'a str {
        match self {
            Selected::BuiltIn(scenario, _) => scenario.description().name,
            Selected::Own(scenario, _) => &scenario.name,
        }
    }

    /// `scenario::variant`.
    pub fn address(self) -> String {
        format!("{}::{}", self.scenario(), self.variant())
    }
}

/// All scenarios: those of the catalogue, then those of files.
pub fn all_scenarios(own: &[OwnScenario]) -> Vec<AnyScenario<'_>> {
    let built_in = catalogue::all().iter().copied().map(AnyScenario::BuiltIn);
    built_in.chain(own.iter().map(AnyScenario::Own)).collect()
}

/// All variants of them.
pub fn everything(own: &[OwnScenario]) -> Vec<Selected<'_>> {
    let scenarios = all_scenarios(own).into_iter();
    scenarios.flat_map(AnyScenario::variants).collect()
}

/// One buggy and one fixed variant of each document of the catalogue.
pub fn tour() -> Vec<Selected<'static>> {
    let is_on_it = |selected: &Selected<'_>| match selected {
        Selected::BuiltIn(scenario, variant) => scenario.description().tour.contains(&variant.name),
        Selected::Own(..) => false,
    };
    let all = everything(&[]).into_iter();
    all.filter(is_on_it).collect()
}

/// The scenario of that name.
///
/// # Errors
///
/// A usage error that names the nearest scenario, or all.
pub fn find_scenario<'a>(name: &str, own: &'a [OwnScenario]) -> anyhow::Result<AnyScenario<'a>> {
    let all = all_scenarios(own);
    let found = all.iter().copied().find(|scenario| scenario.name() == name);
    found.ok_or_else(|| {
        let names = || all.iter().map(|scenario| scenario.name());
        let hint = match nearest(name, names()) {
            _ if name.starts_with('-') => "see `leaklab run --help` for its flags".to_owned(),
            _ if std::path::Path::new(name).is_file() => {
                format!("a program of your own stands behind `--`: leaklab run -- {name}")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None if can_be_started(name) => {
                format!("a program of your own stands behind `--`: leaklab run -- {name}")
            }
            None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
        };
        usage(format!("there is no scenario `{name}`\n(hint: {hint})"))
    })
}

fn can_be_started(name: &str) -> bool {
    crate::plan::find_program(std::ffi::OsStr::new(name), None).is_ok()
}

/// The variants that the selectors name, in the order of the catalogue, each once.
///
/// A selector is a scenario (`alts-timeout`), a variant (`alts-timeout::cleared`) or a glob
/// over variants (`*::fixed*`, `shape::*`).
///
/// # Errors
///
/// A usage error for a selector that names nothing, with the nearest name.
pub fn select<'a>(
    selectors: &[String],
    own: &'a [OwnScenario],
) -> anyhow::Result<Vec<Selected<'a>>> {
    let mut chosen = Vec::new();
    for selector in selectors {
        chosen.extend(select_one(selector, own)?);
    }
    let mut selected = everything(own);
    selected.retain(|one| chosen.contains(&one.address()));
    Ok(selected)
}

fn select_one(selector: &str, own: &[OwnScenario]) -> anyhow::Result<Vec<String>> {
    let addresses = |selected: Vec<Selected<'_>>| -> Vec<String> {
        selected.into_iter().map(Selected::address).collect()
    };
    if Glob::is_pattern(selector) {
        let glob = Glob::new(selector).map_err(usage)?;
        let mut found = addresses(everything(own));
        found.retain(|address| {
            let scenario = address.split("::").next().unwrap_or_default();
            glob.matches(address) || glob.matches(scenario)
        });
        if found.is_empty() {
            return Err(usage(format!(
                "no variant matches `{selector}`\n(hint: `leaklab list` shows all)"
            )));
        }
        return Ok(found);
    }
    let Some((scenario_name, variant_name)) = selector.split_once("::") else {
        return Ok(addresses(find_scenario(selector, own)?.variants()));
    };
    let variants = find_scenario(scenario_name, own)?.variants();
    if !variants.iter().any(|one| one.variant() == variant_name) {
        let names = || variants.iter().map(|one| one.variant());
        let hint = match nearest(variant_name, names()) {
            Some(near) => format!("did you mean `{scenario_name}::{near}`?"),
            None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(usage(format!(
            "`{scenario_name}` has no variant `{variant_name}`\n(hint: {hint})"
        )));
    }
    Ok(vec![selector.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(selectors: &[&str]) -> anyhow::Result<Vec<String>> {
        let selectors: Vec<_> = selectors.iter().map(|s| (*s).to_owned()).collect();
        let selected = select(&selectors, &[])?;
        Ok(selected.into_iter().map(Selected::address).collect())
    }

    #[test]
    fn selectors_name_scenarios_variants_and_globs_each_once() {
        assert_eq!(
            addresses(&["shape::flat", "shape::f*"]).expect("known"),
            ["shape::flat"]
        );
        assert_eq!(addresses(&["shape"]).expect("known").len(), 5);
        assert_eq!(addresses(&["shap?"]).expect("known").len(), 5);
    }

    #[test]
    fn unknown_names_are_answered_with_the_nearest() {
        let message = |selector: &str| addresses(&[selector]).expect_err("unknown").to_string();
        assert!(message("shpe").contains("did you mean `shape`?"));
        assert!(message("shape::flatt").contains("did you mean `shape::flat`?"));
        assert!(message("shape::zzzzzz").contains("it has steady-leak, flat"));
        assert!(message("qqqqqqqqqqqqqqqqq").contains("known are "));
        assert!(message("x*").contains("no variant matches"));
        assert!(message("/bin/sh").contains("leaklab run -- /bin/sh"));
    }
}
