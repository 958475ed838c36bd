//! `bothways run`: a node, until it is told to stop.

use bothways::logs::Logs;
use clap::Args;

use super::config::worries;
use super::dev::SupervisedArgs;
use super::settings::{SettingsArgs, tell_settings};
use super::{Advise, Exit, Globals, Result, remote};

const EXAMPLES: &str = "\
Examples:
  bothways run --config bothways.toml
  bothways run --certificate hub.pem --key hub.key --authority authority.pem \\
      --role server --listen 0.0.0.0:4433 --data data
  bothways run --config bothways.toml --listen none --peer hub=hub.example:4433

Each setting may also come from the environment: BOTHWAYS_LOG_LEVEL for log.level.
SIGTERM and Ctrl-C drain the node; a second one ends it at once.";

/// Run a node
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    supervised: SupervisedArgs,
}

impl Run {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let settings = self.settings.gather()?;
        let plan = settings.check().map_err(tell_settings)?;
        let mut logs = settings.logs().map_err(tell_settings)?;
        if let Some(level) = globals.log_level() {
            logs.level = level.to_owned();
        }
        logs.kept = plan.kept();
        let _logs = Logs::start(&logs)
            .exit(Exit::Config)
            .hint("--log-file names a file in a folder into which this user may write")?;
        for worry in settings.warnings().iter().chain(&worries(&plan)) {
            tracing::warn!("{worry}");
        }
        let supervised = self.supervised.start()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(remote::serve(plan, supervised))
    }
}
