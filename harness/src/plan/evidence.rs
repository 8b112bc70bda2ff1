//! What `--where` and `--snapshot` come to for a program: stacks of its allocator, or the objects of
//! its runtime; and what can be neither.

use super::CellSettings;
use crate::attribution::ALLOCATOR_OPTIONS;
use crate::heap::HeapSource;
use crate::snapshot::{SnapshotPlan, preset_of};
use crate::supervisor::cell::CellSetup;
use std::collections::BTreeSet;
use std::path::Path;

/// Where the answer of a program comes from.
pub enum Evidence {
    /// Nothing was asked for by `--where`, or the series that `--snapshot` names are the answer.
    Given,
    /// Stacks that jemalloc samples.
    Stacks,
    /// Objects that its runtime counts.
    Objects(Vec<SnapshotPlan>),
}

/// What `--where` takes of the program in the file `program`.
///
/// # Errors
///
/// Words on what could take nothing, and the way out.
pub fn evidence(own: &CellSettings, cell: &CellSetup, program: &Path) -> Result<Evidence, String> {
    if !own.sample_stacks || !own.snapshots.is_empty() {
        return Ok(Evidence::Given);
    }
    // Who names jemalloc means what native code allocates, whatever runs the program.
    if own.heap != Some(HeapSource::Jemalloc)
        && let Some(plans) = preset_of(program)?
    {
        return Ok(Evidence::Objects(plans));
    }
    if own.heap == Some(HeapSource::Mallinfo) {
        return Err(
            "`--where` samples stacks in jemalloc, and --heap mallinfo keeps glibc's malloc\n\
             (hint: leave --heap out, or say --heap jemalloc)"
                .to_owned(),
        );
    }
    let options = cell.child.given(ALLOCATOR_OPTIONS).unwrap_or_default();
    if let Some(option) = refusing_option(&options) {
        return Err(format!(
            "`--where` samples stacks in jemalloc, and {ALLOCATOR_OPTIONS} says {option}\n\
             (hint: leave {option} out of {ALLOCATOR_OPTIONS})"
        ));
    }
    Ok(Evidence::Stacks)
}

/// The option by which jemalloc samples nothing, if the last of its kind does: `prof:false`.
fn refusing_option(options: &str) -> Option<&'static str> {
    let mut last = ["prof:", "prof_active:"]
        .into_iter()
        .filter_map(|kind| options.split(',').rfind(|option| option.starts_with(kind)));
    last.find_map(|option| match option {
        "prof:false" => Some("prof:false"),
        "prof_active:false" => Some("prof_active:false"),
        _ => None,
    })
}

/// Refuses two series of one name: their takings could not be told apart.
///
/// # Errors
///
/// Names it, and the way out.
pub fn refuse_same_names(plans: &[SnapshotPlan]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let twice = plans.iter().find(|plan| !names.insert(plan.name.as_str()));
    twice.map_or(Ok(()), |plan| {
        Err(format!(
            "two --snapshot are called `{0}`: their takings would be one series\n\
             (hint: give one another name, such as '{0}-2=FORMAT:COMMAND')",
            plan.name
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_option_of_a_kind_is_what_the_allocator_does() {
        let of = refusing_option;
        assert_eq!(
            of("prof:true,lg_prof_sample:16,prof:false"),
            Some("prof:false")
        );
        assert_eq!(of("prof:true,prof_active:false"), Some("prof_active:false"));
        assert_eq!(of("prof:false,prof:true"), None);
        assert_eq!(of("tcache:false,prof_leak:false"), None);
    }
}
