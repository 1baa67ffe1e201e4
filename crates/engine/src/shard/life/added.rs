//! Tasks that join runs: a caller's, and those that an attempt writes.

use agendum_core::Event;

use super::Life;
use crate::inbox::Message;

impl Life {
    pub(super) fn of_additions(&mut self, message: Message) {
        if let Message::AddTasks { run, graph, document, reply, permit: _held } = message {
            let event = Event::TasksAdded { run, graph, document: document.reference };
            let added = self.request(event, None);
            self.reply_when_durable(added, reply);
        } else if let Message::TasksStreamed { life, attempt, added, document: _claimed, reply } = message
            && life == self.id
        {
            // Whoever asks goes on at once: what follows is recorded behind this.
            let _gone = reply.send(self.request(Event::TasksStreamed { attempt, added }, None));
        }
    }
}
