//! `bothways bench`: how much, and how fast, does a peer answer?

mod args;
mod choose;
mod cpu;
mod load;
mod numbers;
mod show;
mod watch;

use bothways::bench::Report;
use bothways::config::Plan;
use bothways_protocol::{NodeName, Role};

use super::caller::{Caller, deadline};
use super::remote::{self, Bench as Wanted, Measured};
use super::{Exit, Globals, Result, Trouble, dev};

pub(super) use args::Bench;
pub(super) use choose::{check_method, check_way_back};
pub(super) use watch::Watch;

pub(super) use numbers::grouped;
use show::Shown;
use watch::Cpu;

/// What stands before the first failure.
const EXAMPLE: &str = "for example: ";

impl Bench {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let asked = self.asked()?;
        let Caller { plan, network, .. } = self.caller.caller(&self.peer, globals)?;
        let deadline = deadline(self.deadline, &plan)?;
        let back = match self.both_ways {
            true => Some(self.back(deadline, plan.limits().deadline_max)?),
            false => None,
        };
        let plan = if back.is_some() { answering(&plan)? } else { plan };
        let load = self.load(asked, back.as_ref());
        let pid = network.and_then(|network| dev::pid_of(&network, &self.peer.name));
        let mut watch = Watch::of(&load, pid);
        let shown = Shown::of(plan.name(), &self.peer.name, &load, back.as_ref());

        let peer = self.peer.name.clone();
        let wanted =
            Wanted { plan, peer: self.peer.name, load, deadline, writes: self.writes, back };
        let measured = remote::block_on_to_its_end(globals, remote::bench(wanted, &mut watch))?;
        // How often a peer has asked that has not told is not known.
        let cpu = match shown.is_whole(&measured) {
            true => watch.cpu(measured.requests()),
            false => Cpu::default(),
        };
        shown.show(&measured, cpu, globals.out())?;
        if cfg!(debug_assertions) && !globals.out().is_json() {
            globals.warn_all(&["this is a debug build: one with --release is faster".to_owned()]);
        }
        verdict(&peer, measured)
    }
}

/// Who asks, as somebody who answers as well: a role `client` answers nothing.
fn answering(plan: &Plan) -> Result<Plan> {
    let draft = Plan::draft(plan.identity().clone(), plan.trust().clone()).role(Role::Peer);
    let draft = draft.limits(plan.limits().clone());
    let draft = plan
        .peers()
        .iter()
        .fold(draft, |draft, (name, address)| draft.peer(name.clone(), address.clone()));
    Ok(draft.check()?)
}

/// How it ends for scripts: what failed is never hidden behind what went well.
fn verdict(peer: &NodeName, measured: Measured) -> Result {
    let Measured { report, back, ended } = measured;
    let reports = [Some(&report), back.as_ref()].into_iter().flatten();
    let failed: u64 = reports.clone().map(Report::failed_in_all).sum();
    let trouble = match ended {
        Some(trouble) if report.answered == 0 => return Err(trouble),
        Some(trouble) => {
            let what = format!("ended after {:.1} s: {}", report.elapsed_s, trouble.in_a_line());
            Trouble::new(trouble.exit(), what)
        }
        None if failed == 0 => return Ok(()),
        None => {
            let all = failed + reports.map(|report| report.answered).sum::<u64>();
            let what = format!("{} of {} requests failed", grouped(failed), grouped(all));
            Trouble::new(Exit::Failed, what)
        }
    };
    let theirs = back.iter().flat_map(failures).map(|line| format!("asked by {peer}: {line}"));
    // What has ended it is said already.
    let what = trouble.what();
    let ours = failures(&report).filter(|line| !what.contains(line.trim_start_matches(EXAMPLE)));
    Err(trouble.details(ours.chain(theirs)))
}

/// How many failed with which code, and what the first one said.
fn failures(report: &Report) -> impl Iterator<Item = String> {
    let codes = report.failed.iter().map(|(code, count)| format!("{code}: {}", grouped(*count)));
    codes.chain(report.example.iter().map(|example| format!("{EXAMPLE}{example}")))
}
