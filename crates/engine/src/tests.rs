//! Documents through the real engine, over stores in memory and adapters that do as they are told.

mod broken;
mod cached;
mod children;
mod collect;
mod fixture;
mod flows;
mod format;
mod group;
mod inside;
mod judged;
mod keyed;
mod notices;
mod planned;
mod pleas;
mod pools;
mod reconciled;
mod remembered;
mod restarts;
mod room;
mod stated;
mod watched;
