//! `leaklab cell`: the child process of one cell. Hidden: `run` starts it.
//!
//! It can be started by hand: `LEAKLAB_PIPE=3 leaklab cell shape::flat --duration 2s 3>&1`.

use crate::exit::{Exit, usage};
use crate::time::parse_duration;
use leaklab_scenarios::{
    Drain, Gauge, Load, LoadPlan, Meter, Parameters, Setup, StopFlag, catalogue,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::time::Duration;

/// Performs one variant in this process and writes the pipe protocol.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Scenario and variant, as `alts-timeout::unpatched`.
    address: String,
    /// A parameter of the scenario, as `key=value`.
    #[arg(long = "set")]
    settings: Vec<String>,
    /// Operations per second; as fast as it goes if not given.
    #[arg(long)]
    rate: Option<f64>,
    /// Operations after which the load ends.
    #[arg(long)]
    operations: Option<u64>,
    /// Length of the load.
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Length of the warm-up.
    #[arg(long, value_parser = parse_duration, default_value = "0s")]
    warmup: Duration,
    /// Length of the drain.
    #[arg(long, value_parser = parse_duration, default_value = "0s")]
    drain: Duration,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the variant through warm-up, load and drain.
///
/// # Errors
///
/// A usage error for a wrong name or setting; otherwise what the workload failed with.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (scenario, variant) = arguments
        .address
        .split_once("::")
        .and_then(|(scenario, variant)| {
            let scenario = catalogue::find(scenario)?;
            Some((scenario, scenario.description().variant(variant)?))
        })
        .ok_or_else(|| usage(format!("`{}` is not in the catalogue", arguments.address)))?;
    let description = scenario.description();
    let parameters = Parameters::parse(
        description.name,
        description.parameters,
        &arguments.settings,
    )
    .map_err(|error| usage(error.to_string()))?;

    let stop = StopFlag::default();
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, stop.shared())?;
    }
    let meter: Arc<dyn Meter> = Arc::new(ProbeMeter);
    leaklab_probe::on_quiet_points(description.quiet_points);
    leaklab_probe::start_before_ready();
    let mut workload = scenario.prepare(Setup {
        variant,
        parameters,
        seed: arguments.seed,
        meter: Arc::clone(&meter),
    })?;
    leaklab_probe::ready();

    let plan = |duration, operations| LoadPlan {
        rate: arguments.rate,
        operations,
        duration,
        quiet_points: description.quiet_points,
    };
    let mut phase = |name, plan| {
        leaklab_probe::phase(name);
        leaklab_probe::sample_now();
        let load = Load::start(plan, stop.clone(), Arc::clone(&meter));
        workload.load(&load)
    };
    if !arguments.warmup.is_zero() {
        phase(
            leaklab_probe::Phase::Warmup,
            plan(Some(arguments.warmup), None),
        )?;
    }
    phase(
        leaklab_probe::Phase::Load,
        plan(arguments.duration, arguments.operations),
    )?;
    leaklab_probe::sample_now();

    if !arguments.drain.is_zero() {
        leaklab_probe::phase(leaklab_probe::Phase::Drain);
        let drain = Drain::start(arguments.drain, stop, Arc::clone(&meter));
        workload.drain(&drain)?;
        // What is free goes back to the system, so that RSS too shows what stays.
        leaklab_probe::purge();
        leaklab_probe::sample_now();
    }
    // Before the workload is dropped: that is not memory that came back by itself.
    leaklab_probe::stop();
    Ok(Exit::Good)
}

/// Hands what a workload reports to the probe.
struct ProbeMeter;

impl Meter for ProbeMeter {
    fn count_operations(&self, completed: u64) {
        leaklab_probe::count_operations(completed);
    }

    fn register_gauge(&self, name: &'static str, gauge: &Gauge) {
        leaklab_probe::register_gauge(name, gauge.shared());
    }

    fn record_latency(&self, latency: Duration) {
        leaklab_probe::record_latency(latency);
    }

    fn quiet_point(&self) {
        leaklab_probe::quiet_point();
    }

    fn mark(&self, name: &str) {
        leaklab_probe::mark(name);
    }
}
