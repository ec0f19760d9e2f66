//! Several instances on one Redis.

mod faults;
mod one_room;
mod restarts;
mod start;
