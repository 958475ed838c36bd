//! `<service>.acknowledge`: what a subscriber was told and has dealt with.

use std::sync::Arc;

use bothways_protocol::{Acknowledge, Acknowledged, Cursor, Failure, NodeName};
use futures_util::future::try_join_all;

use super::Feed;
use super::durable::{Durable, Standing};
use super::handler::{no_durable, oldest, refusal};
use super::shared::shown;
use super::stamp::Stamp;
use super::topics::Topics;
use crate::service::Context;
use crate::store::{Change, Changes, Revision, Store, StoreError};

/// How many changes are looked through at a time.
const CHANGES_AT_A_TIME: usize = 256;

/// The subscriber has dealt with an event: with everything that it was told up to there, where the
/// subscription is durable.
pub(in crate::service) async fn acknowledge<F: Feed>(
    feed: Arc<F>,
    context: Context,
    params: Acknowledge,
) -> Result<Acknowledged, Failure> {
    let (caller, store) = (context.peer(), feed.store().as_ref());
    let through = place_of(store, Stamp::of(store, F::SERVICE, caller), &params.cursor).await?;
    let Some(name) = &params.durable else {
        let before = Revision(through.0.saturating_sub(1));
        dealt_with(&*feed, caller, Topics::ALL, (before, through)).await?;
        return Ok(Acknowledged {});
    };
    let durable = Durable::of(store, F::SERVICE, caller, name);
    loop {
        let standing = durable.standing().await?.ok_or_else(|| no_durable(name))?;
        let Standing { at, topics, .. } = &standing;
        if through <= *at {
            return Ok(Acknowledged {});
        }
        let told = Topics::named(topics, F::SERVICE, F::TOPICS)?;
        dealt_with(&*feed, caller, told, (*at, through)).await?;
        match durable.move_on(standing, through, context.once().cloned()).await {
            Err(StoreError::Conflict { .. }) => {}
            moved => return moved.map(|()| Acknowledged {}).map_err(Failure::from),
        }
    }
}

/// Has the feed know of all that a subscriber to these topics was told behind one place up to
/// another, if it wants to.
async fn dealt_with<F: Feed>(
    feed: &F,
    by: &NodeName,
    topics: Topics,
    (behind, through): (Revision, Revision),
) -> Result<(), Failure> {
    let (mut at, prefix) = (behind, feed.prefix());
    while F::ACKNOWLEDGE_EACH && at < through {
        let found = feed.store().changes_after(at, &prefix, CHANGES_AT_A_TIME).await;
        let Changes { changes, through: read } = match found {
            // What is no longer kept can be dealt with no more.
            Err(StoreError::OutOfRange { oldest, .. }) if oldest > at => {
                at = oldest;
                continue;
            }
            found => found?,
        };
        let within = changes.iter().take_while(|change| change.revision <= through);
        let told = within.filter(|change| is_told(feed, by, topics, change));
        try_join_all(told.map(|change| feed.acknowledged(by, change))).await?;
        if read <= at {
            break;
        }
        at = read;
    }
    Ok(())
}

/// Whether this subscriber was told of a change. What cannot be read was not told, either.
fn is_told<F: Feed>(feed: &F, by: &NodeName, topics: Topics, change: &Change) -> bool {
    let shown = shown(feed, change).ok().flatten();
    shown.is_some_and(|shown| topics.hold(shown.topic) && shown.audience.holds(by))
}

/// The place of an event that was told.
async fn place_of(store: &dyn Store, stamp: Stamp, cursor: &Cursor) -> Result<Revision, Failure> {
    let place = stamp.read(cursor).map_err(|refused| refused.field("cursor"))?;
    let newest = *store.newest().borrow();
    if place <= newest {
        return Ok(place);
    }
    let oldest = oldest(store).await?;
    Err(refusal(StoreError::OutOfRange { asked: place, oldest, newest }, stamp))
}
