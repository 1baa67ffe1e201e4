//! Kept results, beside a life: look-ups, and groups of results that are kept.

use std::sync::Arc;

use agendum_core::{Event, Keep, LookUp};
use agendum_types::CacheKey;

use super::Life;
use crate::cache;
use crate::inbox::Message;

impl Life {
    pub(super) fn look_up(&self, asked: Box<LookUp>) {
        self.around.runtime.spawn(cache::look_up(Arc::clone(&self.around), self.id, asked));
    }

    pub(super) fn keep(&mut self, keep: Keep) {
        self.keeping.push(keep);
        self.keep_next();
    }

    pub(super) fn of_the_cache(&mut self, message: Message) {
        if let Message::LookedUp { life, looked, made } = message {
            // Nobody waits for what an earlier life asked.
            if life == self.id {
                self.with_payload(*looked, made);
            }
        } else if let Message::Kept { life, keys } = message
            && life == self.id
        {
            self.kept(keys);
        }
    }

    fn kept(&mut self, keys: Vec<Arc<CacheKey>>) {
        self.keeping.is_done();
        for key in keys {
            self.event(Event::Kept(key));
        }
        self.keep_next();
    }

    fn keep_next(&mut self) {
        if let Some(group) = self.keeping.group() {
            self.around.runtime.spawn(cache::keep(Arc::clone(&self.around), self.id, group));
        }
    }
}
