//! tarpc over TCP without TLS: the fastest Rust RPC that one would take.
//!
//! Its messages are `postcard`: of the codecs that it brings along, JSON is slow, bincode and
//! `serde_cbor` have no maintainer any more, and MessagePack answered a fifth fewer requests.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;

use anyhow::{Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use tarpc::serde_transport::tcp;
use tarpc::server::{BaseChannel, Channel};
use tarpc::{client, context};
use tokio_serde::{Deserializer, Serializer};

use super::Listening;
use crate::case::Work;
use crate::end::{DriverJob, Setting};
use crate::load::{Ask, Reading};

#[tarpc::service]
trait Echo {
    async fn echo(body: ByteBuf) -> ByteBuf;
}

#[derive(Clone)]
struct Service;

impl Echo for Service {
    async fn echo(self, _: context::Context, body: ByteBuf) -> ByteBuf {
        body
    }
}

pub(super) async fn listen(_: &Setting) -> Result<Listening> {
    let mut incoming = tcp::listen((Ipv4Addr::LOCALHOST, 0), Postcard::default).await?;
    let address = incoming.local_addr();
    tokio::spawn(async move {
        while let Some(Ok(transport)) = incoming.next().await {
            // Where it is refused, the connection is slow, and says so by its figures.
            let _ = transport.get_ref().set_nodelay(true);
            let channel = BaseChannel::with_defaults(transport);
            let answering = channel.execute(Service.serve());
            tokio::spawn(answering.for_each(async |answer| drop(tokio::spawn(answer))));
        }
    });
    Ok(Listening::new(address, ()))
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    let Work::Requests(requests) = job.work else { bail!("it asks requests and nothing else") };
    let transport = tcp::connect(job.address, Postcard::default).await?;
    transport.get_ref().set_nodelay(true)?;
    let client = EchoClient::new(client::Config::default(), transport).spawn();
    let body = ByteBuf::from(vec![b'x'; requests.body_bytes]);
    job.load(requests).run([Asker { client, body }]).await
}

#[derive(Clone)]
struct Asker {
    client: EchoClient,
    body: ByteBuf,
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let answer = self.client.echo(context::current(), self.body.clone()).await?;
        ensure!(answer == self.body, "another answer than the question");
        Ok(())
    }
}

/// The codec of both ends.
#[derive(Default)]
struct Postcard;

impl<T: Serialize> Serializer<T> for Postcard {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, message: &T) -> io::Result<Bytes> {
        Ok(postcard::to_stdvec(message).map_err(io::Error::other)?.into())
    }
}

impl<T: DeserializeOwned> Deserializer<T> for Postcard {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, message: &BytesMut) -> io::Result<T> {
        postcard::from_bytes(message).map_err(io::Error::other)
    }
}
