//! One instance: a hub and the server's ends of its connections, behind a gate that can freeze all of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::{Rng, rngs::StdRng};
use ruang::{
    backplane::{Claim, Person, SessionTag},
    name::Name,
    room::{Machine, Options, Room},
};
use tokio::{sync::oneshot, task::AbortHandle, time::Instant};

use super::{gate::Gate, link::Link, redis::Redis, world::World};

/// See the [module](self).
pub struct Instance {
    /// Its number, which no other instance has.
    pub number: usize,
    /// Its name in the record.
    pub base: String,
    /// Its handle to the room.
    pub room: Room,
    /// Its link to Redis.
    pub link: Arc<Link>,
    machine: Arc<SimulatedMachine>,
    rng: Mutex<StdRng>,
    is_draining: AtomicBool,
}

/// A machine whose tasks can be stopped, and killed.
struct SimulatedMachine {
    began: Instant,
    rng: Mutex<StdRng>,
    gate: Arc<Gate>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Machine for SimulatedMachine {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(self.gate.guard(task)).abort_handle());
    }

    fn since_boot(&self) -> Duration {
        self.began.elapsed()
    }

    fn seed(&self) -> [u8; 32] {
        self.rng.lock().random()
    }

    fn cores(&self) -> usize {
        2
    }
}

impl Instance {
    /// Starts an instance.
    pub fn start(world: &Arc<World>, redis: &Arc<Redis>, options: Options, number: usize) -> Arc<Self> {
        let machine = Arc::new(SimulatedMachine {
            began: Instant::now(),
            rng: Mutex::new(world.generator("machine", number)),
            gate: Arc::default(),
            tasks: Mutex::default(),
        });
        let link = Link::new(redis, world, number);
        let room = Room::open_on(Arc::clone(&machine) as Arc<dyn Machine>, Arc::clone(&link) as _, options);
        let rng = Mutex::new(world.generator("instance", number));
        Arc::new(Self {
            number,
            base: format!("i{number}"),
            room,
            link,
            machine,
            rng,
            is_draining: AtomicBool::new(false),
        })
    }

    /// Starts a task of this instance.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.machine.spawn(Box::pin(task));
    }

    /// Stops all of its tasks.
    pub fn freeze(&self) {
        self.machine.gate.close();
    }

    /// Lets its tasks run again.
    pub fn thaw(&self) {
        self.machine.gate.open();
    }

    /// Whether its tasks are stopped.
    pub fn is_frozen(&self) -> bool {
        self.machine.gate.is_closed()
    }

    /// Moves its people to other instances.
    pub async fn drain(self: Arc<Self>) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.room.drain().await;
    }

    /// Whether it drains.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Ends all of its tasks at once.
    pub fn kill(&self) {
        for task in self.machine.tasks.lock().drain(..) {
            task.abort();
        }
    }

    /// A random number of this instance.
    pub fn random(&self, below: u64) -> u64 {
        self.rng.lock().random_range(0..=below)
    }

    /// Runs a request on this instance; none if it does not answer.
    pub async fn request<T: Send + 'static>(
        self: &Arc<Self>,
        handler: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (reply, replied) = oneshot::channel();
        self.spawn(async move {
            let _ = reply.send(handler.await);
        });
        replied.await.ok()
    }

    /// Signs a person in: 303, 409 or 503, as `POST /` answers.
    pub async fn sign_in(self: Arc<Self>, name: Name) -> Result<Person, u16> {
        let tag = SessionTag::from(&*format!("{:032x}", self.rng.lock().random::<u128>()));
        let person = Person::new(name.key().clone(), name.shown(), tag.clone());
        match self.room.claim(&person).await {
            Ok(Claim::Mine) => {}
            Ok(Claim::Held { .. } | Claim::Banned(_)) => return Err(409),
            Err(_) => {
                let (room, key) = (self.room.clone(), name.key().clone());
                self.spawn(async move {
                    let _ = room.end(&tag, &key).await;
                });
                return Err(503);
            }
        }
        if self.link.begin_session(person.clone()).await.is_err() {
            let _ = self.room.end(&person.session, &person.name_key).await;
            return Err(503);
        }
        Ok(person)
    }

    /// Signs a person out. Returns whether it is confirmed, as `POST /logout` answers.
    pub async fn sign_out(self: Arc<Self>, person: Person) -> bool {
        match self.link.has_session(person.session.clone()).await {
            Ok(false) => true,
            Err(_) => false,
            Ok(true) => {
                self.room.end(&person.session, &person.name_key).await.is_ok()
                    && self.link.delete_session(person.session).await.is_ok()
            }
        }
    }
}
