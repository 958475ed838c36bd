//! Tells a topology's story: takes its steps one after the other, and holds each against what was
//! to come of it.

use std::collections::BTreeMap;
use std::time::Duration;

use bothways_protocol::NodeName;
use serde_json::{Map, Value};
use tokio::time::{sleep, timeout};

use super::network::{Ground, Wishes};
use super::script::Answer;
use super::topology::{Results, Step, StoryCall, resolve};
use crate::cli::merged::{EVENT, EVENT_TARGET, Entry, Line, Tail};
use crate::cli::{Exit, Result, Trouble};

/// What lies between two steps, so that a person can follow.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an event may take.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a log is looked at for one.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A story that is told.
#[derive(Debug)]
pub(super) struct Story {
    steps: Vec<Step>,
    wishes: Wishes,
    logs: Logs,
    results: Results,
}

impl Story {
    pub(super) fn of(steps: &[Step], ground: &Ground, wishes: Wishes) -> Self {
        let logs = Logs { ground: ground.clone(), tails: BTreeMap::new(), heard: Vec::new() };
        Self { steps: steps.to_vec(), wishes, logs, results: Results::new() }
    }

    /// Takes the steps; the first that does not end as it should is the last.
    pub(super) async fn tell(mut self) -> Result {
        for (at, step) in std::mem::take(&mut self.steps).iter().enumerate() {
            sleep(PAUSE).await;
            if let Err(why) = self.take(step).await {
                let what = format!("step {} of the story, {step}: {why}", at + 1);
                self.wishes.warn(step.node(), &what).await;
                return Err(Trouble::new(Exit::Failed, what));
            }
        }
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> std::result::Result<(), String> {
        let told = |trouble: Trouble| trouble.in_a_line();
        match step {
            Step::Call(call) => self.call(call).await,
            Step::Hears { node, topic } => self.logs.until(node, topic).await,
            Step::Away(node) => self.wishes.leave(node).await.map_err(told),
            Step::Back(node) => self.wishes.come_back(node).await.map_err(told),
        }
    }

    async fn call(&mut self, said: &StoryCall) -> std::result::Result<(), String> {
        let mut call = said.call.clone();
        call.params = resolve(&call.params, &self.results)?;
        let expect = call.expect.as_str().to_owned();
        let answer = self.wishes.ask(&said.node, call).await;
        match answer.map_err(|trouble| trouble.in_a_line())? {
            Answer::Result(result) if expect == "ok" => {
                holds(&result, &said.gives)?;
                self.results.extend(said.name.clone().map(|name| (name, result)));
                Ok(())
            }
            Answer::Result(_) => Err(format!("it was answered, and should end as {expect}")),
            Answer::Failed { code, .. } if code == expect => Ok(()),
            Answer::Failed { why, .. } => Err(why),
        }
    }
}

/// Holds a result against what it has to hold.
fn holds(result: &Value, gives: &Map<String, Value>) -> std::result::Result<(), String> {
    let wrong = gives.iter().find(|(name, value)| result.get(name) != Some(value));
    let Some((name, value)) = wrong else { return Ok(()) };
    let given = result.get(name).map_or("nothing".to_owned(), Value::to_string);
    Err(format!("`{name}` of the result is {given}, and should be {value}"))
}

/// The nodes' logs, as far as they tell of events.
#[derive(Debug)]
struct Logs {
    ground: Ground,
    tails: BTreeMap<NodeName, Tail>,
    /// Events that no step has waited for yet.
    heard: Vec<(NodeName, String)>,
}

impl Logs {
    /// Waits until a node has been told of a topic, once more than steps before have waited for.
    async fn until(&mut self, node: &NodeName, topic: &str) -> std::result::Result<(), String> {
        let listening = async {
            loop {
                self.listen(node)?;
                let there =
                    self.heard.iter().position(|(at, told)| (at, told.as_str()) == (node, topic));
                if let Some(there) = there {
                    self.heard.remove(there);
                    return Ok(());
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let late = |_| Err(format!("nothing of it in {} s", EVENT_TIMEOUT.as_secs()));
        timeout(EVENT_TIMEOUT, listening).await.unwrap_or_else(late)
    }

    fn listen(&mut self, node: &NodeName) -> std::result::Result<(), String> {
        let tail = self.tails.entry(node.clone());
        let tail = tail.or_insert_with(|| Tail::of(self.ground.log(node)));
        for line in tail.new_lines().map_err(|error| error.to_string())? {
            if let Line::Event(event) = Entry::read(node.as_str(), &line).line
                && (event.target.as_str(), event.message.as_str()) == (EVENT_TARGET, EVENT)
            {
                self.heard.push((node.clone(), event.field("topic").to_owned()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_holds_what_it_should_or_it_is_told_what_it_does_not() {
        let gives = |value: Value| value.as_object().unwrap().clone();
        let result = json!({ "id": 7, "state": "queued" });
        assert_eq!(holds(&result, &gives(json!({ "state": "queued" }))), Ok(()));
        let told = holds(&result, &gives(json!({ "state": "read" }))).unwrap_err();
        assert_eq!(told, "`state` of the result is \"queued\", and should be \"read\"");
        let told = holds(&result, &gives(json!({ "title": "x" }))).unwrap_err();
        assert_eq!(told, "`title` of the result is nothing, and should be \"x\"");
    }
}
