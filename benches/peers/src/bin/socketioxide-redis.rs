//! A chat on socket.io: every message goes to all clients of all instances through the library's Redis adapter.

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
    io.ns("/", join).await?;
    serve(Router::new().layer(layer)).await
}

async fn join<A: Adapter>(socket: SocketRef<A>) {
    socket.on("message", broadcast);
}

async fn broadcast<A: Adapter>(io: SocketIo<A>, Data(text): Data<String>) {
    // The benchmark counts missing deliveries.
    let _ = io.emit("message", &text).await;
}
