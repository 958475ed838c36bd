//! A service for tests: what it answers, and what becomes of its handlers, can be watched.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bothways::RequestError;
use bothways::protocol::{Code, Effect, Failure, Method};
use bothways::service::{Context, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

use crate::soon;

macro_rules! methods {
    (
        $($(#[$doc:meta])* $Params:ident { $($(pub $field:ident: String),+)? }
        = $name:literal, $effect:ident -> $Result:ty;)*
    ) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Params {
            $($(
                /// A text.
                pub $field: String,
            )+)?
        }

        impl Method for $Params {
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::$effect;
            const ABOUT: &'static str = "A method of the scenarios";
            type Result = $Result;

            fn example() -> Self {
                Self { $($($field: stringify!($field).to_owned()),+)? }
            }
        })*
    };
}

methods! {
    /// Answers what it was given.
    Echo { pub text: String } = "lab.echo", Reads -> String;
    /// Reads, and takes until the lab releases it.
    Slow {} = "lab.slow", Reads -> String;
    /// Writes, and takes until the lab releases it.
    SlowWrite {} = "lab.slow_write", Writes -> String;
    /// Panics.
    Panic {} = "lab.panic", Reads -> String;
    /// Asks its caller to echo, over the connection that the request came on.
    CallBack { pub text: String } = "lab.call_back", Reads -> String;
    /// Waits to be released, then does the same.
    SlowCallBack { pub text: String } = "lab.slow_call_back", Reads -> String;
    /// Asks another node to echo.
    Relay { pub to: String, pub text: String } = "lab.relay", Reads -> String;
    /// Tells how many milliseconds the caller still waits.
    TimeLeft {} = "lab.time_left", Reads -> u64;
    /// Asks its caller how much time it has.
    TimeLeftAtCaller {} = "lab.time_left_at_caller", Reads -> u64;
    /// Tells who asks, in which role.
    Describe {} = "lab.describe", Reads -> (String, String);
    /// Tells on which thread it is answered.
    OnThread {} = "lab.on_thread", Reads -> String;
    /// Blocks the thread that it is answered on until the lab unblocks it.
    Block {} = "lab.block", Reads -> String;
}

/// What has become of the handlers that wait to be released.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LabSeen {
    pub started: u32,
    pub ended: u32,
    pub dropped: u32,
}

/// The service.
#[derive(Debug)]
pub struct Lab {
    seen: watch::Sender<LabSeen>,
    released: Semaphore,
    unblocked: (Mutex<bool>, Condvar),
}

impl Lab {
    pub fn new() -> Arc<Self> {
        let (seen, released) = (watch::Sender::default(), Semaphore::new(0));
        Arc::new(Self { seen, released, unblocked: (Mutex::new(false), Condvar::new()) })
    }

    pub fn routes(self: &Arc<Self>) -> Router {
        Router::default()
            .on(self, Self::echo)
            .on(self, Self::slow)
            .on(self, Self::slow_write)
            .on(self, Self::panic)
            .on(self, Self::call_back)
            .on(self, Self::slow_call_back)
            .on(self, Self::relay)
            .on(self, Self::time_left)
            .on(self, Self::time_left_at_caller)
            .on(self, Self::describe)
            .on(self, Self::on_thread)
            .on(self, Self::block)
    }

    /// Lets so many waiting handlers go on.
    pub fn release(&self, handlers: usize) {
        self.released.add_permits(handlers);
    }

    /// Lets every thread go on that is blocked.
    pub fn unblock(&self) {
        *self.unblocked.0.lock().unwrap() = true;
        self.unblocked.1.notify_all();
    }

    pub fn seen(&self) -> LabSeen {
        *self.seen.borrow()
    }

    /// Waits until something holds of the handlers.
    pub async fn until(&self, what: &str, holds: impl Fn(LabSeen) -> bool) {
        let mut seen = self.seen.subscribe();
        soon(what, seen.wait_for(|seen| holds(*seen))).await.unwrap();
    }

    async fn echo(&self, _: Context, Echo { text }: Echo) -> Result<String, Failure> {
        Ok(text)
    }

    async fn slow(&self, _: Context, Slow {}: Slow) -> Result<String, Failure> {
        self.wait().await;
        Ok("at last".to_owned())
    }

    async fn slow_write(&self, _: Context, SlowWrite {}: SlowWrite) -> Result<String, Failure> {
        self.wait().await;
        Ok("written".to_owned())
    }

    async fn panic(&self, _: Context, Panic {}: Panic) -> Result<String, Failure> {
        panic!("on purpose\n\u{1b}[2J")
    }

    async fn call_back(&self, context: Context, params: CallBack) -> Result<String, Failure> {
        let caller = context.caller().ok_or_else(nobody)?;
        caller.request(Echo { text: params.text }).await.map_err(passed_on)
    }

    async fn slow_call_back(
        &self,
        context: Context,
        params: SlowCallBack,
    ) -> Result<String, Failure> {
        self.wait().await;
        self.call_back(context, CallBack { text: params.text }).await
    }

    async fn relay(&self, context: Context, params: Relay) -> Result<String, Failure> {
        let to = params.to.parse().unwrap();
        let peer = context.ask(&to).ok_or_else(nobody)?;
        peer.request(Echo { text: params.text }).await.map_err(passed_on)
    }

    async fn time_left(&self, context: Context, TimeLeft {}: TimeLeft) -> Result<u64, Failure> {
        Ok(context.deadline_left().as_millis().try_into().unwrap())
    }

    async fn time_left_at_caller(
        &self,
        context: Context,
        TimeLeftAtCaller {}: TimeLeftAtCaller,
    ) -> Result<u64, Failure> {
        let caller = context.caller().ok_or_else(nobody)?.within(Duration::from_secs(50));
        caller.request(TimeLeft {}).await.map_err(passed_on)
    }

    async fn describe(
        &self,
        context: Context,
        Describe {}: Describe,
    ) -> Result<(String, String), Failure> {
        Ok((context.peer().to_string(), context.role().to_string()))
    }

    async fn on_thread(&self, _: Context, OnThread {}: OnThread) -> Result<String, Failure> {
        Ok(this_thread())
    }

    async fn block(&self, _: Context, Block {}: Block) -> Result<String, Failure> {
        self.seen.send_modify(|seen| seen.started += 1);
        let (unblocked, changed) = &self.unblocked;
        drop(changed.wait_while(unblocked.lock().unwrap(), |unblocked| !*unblocked).unwrap());
        Ok(this_thread())
    }

    async fn wait(&self) {
        self.seen.send_modify(|seen| seen.started += 1);
        let mut fate = Fate { seen: &self.seen, ended: false };
        self.released.acquire().await.unwrap().forget();
        fate.ended = true;
    }
}

/// Tells whether a handler went to its end or was dropped.
struct Fate<'a> {
    seen: &'a watch::Sender<LabSeen>,
    ended: bool,
}

impl Drop for Fate<'_> {
    fn drop(&mut self) {
        self.seen.send_modify(|seen| match self.ended {
            true => seen.ended += 1,
            false => seen.dropped += 1,
        });
    }
}

/// The thread that this is called on, as `lab.on_thread` tells it.
pub fn this_thread() -> String {
    format!("{:?}", std::thread::current().id())
}

fn nobody() -> Failure {
    Failure::new(Code::Internal, "there is nobody to ask")
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn passed_on(error: RequestError) -> Failure {
    Failure::new(error.code(), error.to_string())
}
