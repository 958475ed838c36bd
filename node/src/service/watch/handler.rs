//! `<service>.watch` and what goes with it, as every feed answers them.

use std::sync::Arc;

use bothways_protocol::{
    Code, DurableName, DurableStanding, Durables, Encoded, Failure, Forget, Forgotten,
    ListDurables, Watch, WatchBegan, WatchFrom,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Feed;
use super::durable::Durable;
use super::follow::{Followed, Follower, Subscriber};
use super::stamp::Stamp;
use super::topics::{TOPICS_MAX, Topics};
use crate::service::Context;
use crate::service::router::wrong_params;
use crate::session::Events;
use crate::store::{Prefix, Revision, Store, StoreError};

/// A subscription that begins: its result, and what follows.
pub(in crate::service) type Begin = BoxFuture<'static, Result<(Encoded, Box<dyn Events>), Failure>>;

/// Begins subscriptions.
pub(in crate::service) type Watched = Arc<dyn Fn(Context, Encoded) -> Begin + Send + Sync>;

/// What begins the subscriptions of a feed.
pub(in crate::service) fn watched<F: Feed>(feed: &Arc<F>) -> Watched {
    const { assert!(F::TOPICS.len() <= TOPICS_MAX, "a feed has at most 64 topics") };
    let (feed, followed) = (feed.clone(), Arc::new(Followed::default()));
    Arc::new(move |context, params| begin(feed.clone(), followed.clone(), context, params).boxed())
}

async fn begin<F: Feed>(
    feed: Arc<F>,
    followed: Arc<Followed>,
    context: Context,
    params: Encoded,
) -> Result<(Encoded, Box<dyn Events>), Failure> {
    let Watch { topics, from, durable } = params.decode().map_err(wrong_params)?;
    let (caller, store) = (context.peer(), feed.store().as_ref());
    let topics = Topics::named(&topics, F::SERVICE, F::TOPICS)?;
    let names = topics.names(F::TOPICS);
    let stamp = Stamp::of(store, F::SERVICE, caller);
    let place = context.watch_place(F::SERVICE)?;
    let place_given = match from {
        Some(from) => Some(place_of_beginning(store, stamp, &from).await?),
        None => None,
    };
    let durable = durable.map(|name| Durable::of(store, F::SERVICE, caller, &name));
    let standing = match &durable {
        Some(durable) => durable.standing().await?,
        None => None,
    };
    let from = match (place_given, &durable, &standing) {
        (Some(given), ..) => given,
        (None, None, _) => *store.newest().borrow(),
        (None, Some(_), None) => oldest(store).await?,
        (None, Some(_), Some(standing)) if standing.topics == names => standing.at,
        // What it was told until now and what it would be told would be acknowledged as one.
        (None, Some(_), Some(_)) => return Err(other_topics()),
    };
    let (name, cursor_moves) = (caller.clone(), context.cursor_moves());
    let subscriber = Subscriber { name, topics, stamp, from, cursor_moves, place };
    let refused = |error| refusal(error, stamp);
    let follower = Follower::begin(feed.clone(), &followed, subscriber).await.map_err(refused)?;
    if let Some(durable) = durable
        && (place_given.is_some() || standing.is_none())
    {
        // Now that there is nothing any more to refuse: a place that stands is not given up for one
        // that cannot be followed.
        durable.begin(from, names).await?;
    }
    let began = WatchBegan { cursor: stamp.cursor(from), acknowledge: F::ACKNOWLEDGE_EACH };
    let began =
        Encoded::of(&began).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok((began, Box::new(follower)))
}

/// Behind which change a subscription begins that says so.
async fn place_of_beginning(
    store: &dyn Store,
    stamp: Stamp,
    from: &WatchFrom,
) -> Result<Revision, Failure> {
    match from {
        WatchFrom::Now => Ok(*store.newest().borrow()),
        WatchFrom::All => Ok(oldest(store).await?),
        WatchFrom::Cursor(cursor) => stamp.read(cursor).map_err(|refused| refused.field("from")),
    }
}

/// Behind which change everything stands that is kept.
pub(super) async fn oldest(store: &dyn Store) -> Result<Revision, StoreError> {
    match store.changes_after(Revision(0), &Prefix::all(), 1).await {
        Ok(_) => Ok(Revision(0)),
        Err(StoreError::OutOfRange { oldest, .. }) => Ok(oldest),
        Err(error) => Err(error),
    }
}

/// A place that is no longer kept is said with the oldest that is.
pub(super) fn refusal(error: StoreError, stamp: Stamp) -> Failure {
    match error {
        StoreError::OutOfRange { asked, oldest, .. } if asked < oldest => {
            let sentence = "what changed there is no longer kept: begin with the oldest cursor, or read all anew";
            let failure = Failure::new(Code::OutOfRange, sentence).reason("trimmed");
            failure.detail("oldest", stamp.cursor(oldest).to_string())
        }
        StoreError::OutOfRange { oldest, .. } => {
            let sentence = "the cursor is ahead of the store, which has lost what it stood for";
            let failure = Failure::new(Code::OutOfRange, sentence).reason("ahead");
            failure.detail("oldest", stamp.cursor(oldest).to_string())
        }
        other => other.into(),
    }
}

/// The caller's durable subscriptions.
pub(in crate::service) async fn durables<F: Feed>(
    feed: Arc<F>,
    context: Context,
    _: ListDurables,
) -> Result<Durables, Failure> {
    let (caller, store) = (context.peer(), feed.store().as_ref());
    let stamp = Stamp::of(store, F::SERVICE, caller);
    let all = Durable::all(store, F::SERVICE, caller).await?;
    let newest = *store.newest().borrow();
    let standing = |(name, at): (DurableName, Revision)| DurableStanding {
        name,
        cursor: stamp.cursor(at),
        behind: newest.0.saturating_sub(at.0),
    };
    Ok(Durables { durables: all.into_iter().map(standing).collect() })
}

/// Ends a durable subscription: its name may be used anew, and its place for another.
pub(in crate::service) async fn forget<F: Feed>(
    feed: Arc<F>,
    context: Context,
    params: Forget,
) -> Result<Forgotten, Failure> {
    let Forget { durable: name } = params;
    let durable = Durable::of(feed.store().as_ref(), F::SERVICE, context.peer(), &name);
    match durable.forget(context.once().cloned()).await {
        Ok(()) => Ok(Forgotten {}),
        Err(StoreError::Missing { .. }) => Err(no_durable(&name)),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn no_durable(name: &DurableName) -> Failure {
    let sentence = format!("there is no durable subscription {name}: watching with it begins it");
    Failure::new(Code::NotFound, sentence)
}

fn other_topics() -> Failure {
    let sentence = "the durable subscription was begun with other topics: begin it anew with from, \
                    or forget it";
    Failure::new(Code::FailedPrecondition, sentence).reason("topics").field("topics")
}
