//! Three instances on one Redis: one room.

mod faults;
mod one_room;
mod restarts;
mod start;
