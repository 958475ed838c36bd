//! `bothways trace tail`.

use std::time::Duration;

use clap::Args;

use super::filters::Filters;
use super::source::Source;
use crate::cli::merged::Requests;
use crate::cli::{Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways trace tail
  bothways trace tail --slower-than 10ms --peer hub
  bothways trace tail --from /var/lib/hub --code unavailable -o json";

/// How often the logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Show each request as it ends, until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tail {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    filters: Filters,
    /// Begin with the last so many requests that are recorded already
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    last: usize,
}

impl Tail {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let places = self.source.places()?;
        if places.iter().any(|place| place.as_os_str() == "-") {
            return Err(Trouble::new(Exit::Usage, "standard input cannot be followed")
                .with_hint("name files or folders, or use `bothways trace show --from -`"));
        }
        let mut requests = Requests::of(places, self.filters.filter(), globals)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            // Taken before anything is shown: who sees a line can rely on it.
            let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
            let _ = futures_util::poll!(&mut stop);
            requests.begin(self.last)?;
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stop => return requests.end(),
                    () = tokio::time::sleep(LOOK_EVERY) => requests.turn()?,
                }
            }
        })
    }
}
