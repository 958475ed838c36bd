//! What a network of bothways nodes does, one sentence per scenario.

#![allow(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod abandoned;
mod bad_answers;
mod bad_certificates;
mod bad_greetings;
mod bad_requests;
mod both_ways;
mod bounds;
mod catalog;
mod choosing;
mod command_line;
mod deadlines;
mod debugging;
mod dialing;
mod durables;
mod full_disk;
mod gateway;
mod gateway_doors;
mod hostile_words;
mod keys;
mod lanes;
mod messages;
mod metrics;
mod orders;
mod people;
mod raw_lanes;
mod recent;
mod recorded;
mod records_command;
mod records_read;
mod retries;
mod roles;
mod sessions;
mod status;
mod stopping;
mod stopping_midway;
mod storms;
mod support;
mod threads;
mod watching;
mod watching_bounds;
mod watching_command;
