//! A chat on socket.io: whatever a client says goes to all clients of all instances, by the library's Redis adapter.

use axum::Router;
use fanout_peers::{Failure, redis_url, serve};
use socketioxide::{
    SocketIo,
    adapter::Adapter,
    extract::{Data, SocketRef},
};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let client = redis::Client::open(format!("{}?protocol=resp3", redis_url()?))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = SocketIo::builder().with_adapter::<RedisAdapter<_>>(adapter).build_layer();
    io.ns("/", enter).await?;
    serve(Router::new().layer(layer)).await
}

async fn enter<A: Adapter>(socket: SocketRef<A>) {
    socket.on("message", say);
}

async fn say<A: Adapter>(io: SocketIo<A>, Data(text): Data<String>) {
    // Who does not hear it is missed by the benchmark.
    let _ = io.emit("message", &text).await;
}
