//! Several instances on one Redis.

mod changes;
mod faults;
mod one_room;
mod restarts;
mod start;
