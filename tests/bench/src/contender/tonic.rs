//! tonic (gRPC) with mutual TLS: what one would take for requests in one direction.
//!
//! Service and client are what `tonic-build` generates, written by hand: so no `protoc` is needed.

use std::convert::Infallible;
use std::fs;
use std::net::Ipv4Addr;
use std::task::{Context, Poll};

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use tonic::body::Body;
use tonic::client;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{self, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{
    Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::Listening;
use crate::case::Work;
use crate::end::{DRIVER, DriverJob, LISTENER, RunFolder, Setting};
use crate::load::{Ask, Reading};

const METHOD: &str = "/bench.Echo/Echo";

/// Params, and result.
#[derive(Clone, PartialEq, prost::Message)]
struct Echo {
    #[prost(bytes = "bytes", tag = "1")]
    body: Bytes,
}

impl Echo {
    /// A message that takes so many bytes when it is encoded.
    fn of(encoded_bytes: usize) -> Self {
        let head_bytes = 1 + prost::length_delimiter_len(encoded_bytes);
        Self { body: vec![b'x'; encoded_bytes - head_bytes].into() }
    }
}

pub(super) async fn listen(setting: &Setting) -> Result<Listening> {
    let (identity, authority) = pem(&setting.folder, LISTENER)?;
    let tls = ServerTlsConfig::new().identity(identity).client_ca_root(authority);
    let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?.with_nodelay(Some(true));
    let address = incoming.local_addr()?;
    let server = Server::builder().tls_config(tls)?.add_service(EchoService);
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(Listening::new(address, ()))
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    let Work::Requests(requests) = job.work else { bail!("it asks requests and nothing else") };
    let (identity, authority) = pem(job.folder(), DRIVER)?;
    let tls = ClientTlsConfig::new().identity(identity).ca_certificate(authority);
    let channel = Endpoint::from_shared(format!("https://{}", job.address))?
        .tls_config(tls.domain_name(LISTENER))?
        .connect()
        .await?;
    job.load(requests).run([Asker { channel, echo: Echo::of(requests.body_bytes) }]).await
}

/// An identity and the authority as tonic takes them.
fn pem(folder: &RunFolder, name: &str) -> Result<(Identity, Certificate)> {
    let (identity, written) = (folder.identity(name)?, tempfile::tempdir()?);
    identity.save(written.path())?;
    let (certificate, key) = bothways_certs::Identity::paths(written.path(), identity.name());
    let identity = Identity::from_pem(fs::read(certificate)?, fs::read(key)?);
    Ok((identity, Certificate::from_pem(fs::read(folder.authority_certificate())?)))
}

#[derive(Clone)]
struct Asker {
    channel: Channel,
    echo: Echo,
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let mut client = client::Grpc::new(self.channel.clone());
        client.ready().await?;
        let (method, codec) = (PathAndQuery::from_static(METHOD), ProstCodec::default());
        let answer = client.unary(Request::new(self.echo.clone()), method, codec).await?;
        let answer: Echo = answer.into_inner();
        ensure!(answer == self.echo, "another answer than the question");
        Ok(())
    }
}

#[derive(Debug, Clone)]
struct EchoService;

impl NamedService for EchoService {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<Body>> for EchoService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            match request.uri().path() {
                METHOD => {
                    let codec = ProstCodec::<Echo, Echo>::default();
                    Ok(server::Grpc::new(codec).unary(Answer, request).await)
                }
                _ => Ok(Status::unimplemented("no such method").into_http()),
            }
        })
    }
}

struct Answer;

impl UnaryService<Echo> for Answer {
    type Response = Echo;
    type Future = BoxFuture<Response<Echo>, Status>;

    fn call(&mut self, request: Request<Echo>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_inner())) })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn a_message_takes_the_bytes_that_were_asked_for() {
        for bytes in [64, 65_536] {
            assert_eq!(Echo::of(bytes).encoded_len(), bytes);
        }
    }
}
