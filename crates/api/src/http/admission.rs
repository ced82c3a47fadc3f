//! Admission: the outermost layer, which refuses requests early when there is more to do than the server can do.
//!
//! A refusal costs little: it is made before the request is routed, authenticated or logged, its body is always the same,
//! and the connection stays open. Refusals are counted by priority, and one line a second sums them up.

mod lane;
mod refusal;
pub mod turns;

use std::{rc::Rc, sync::Arc};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::ConnectionType,
    middleware::Next,
};

pub use self::refusal::Refusals;
use self::{
    refusal::Refused,
    turns::{Decision, TURN, Turn, Turns},
};
use mainstay_store::Urgency;

use crate::http::{
    connections::Connection,
    paced_stream::Activity,
    priority::{Priority, PriorityTable},
    wake_relay::WakeRelay,
};

/// Whether requests are refused when there is more to do than the server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadShedding {
    /// They are refused.
    On,
    /// They all wait.
    Off,
}

/// What a worker decides with about the requests that arrive.
pub struct Admission {
    priorities: PriorityTable,
    /// `None` if no request is refused.
    turns: Option<Turns>,
    wakes: WakeRelay,
    refusals: Arc<Refusals>,
}

impl Admission {
    /// Creates the admission of one worker.
    pub fn new(shedding: LoadShedding, priorities: PriorityTable, refusals: Arc<Refusals>) -> Rc<Self> {
        let turns = match shedding {
            LoadShedding::On => Some(Turns::new()),
            LoadShedding::Off => None,
        };
        Rc::new(Self {
            priorities,
            turns,
            wakes: WakeRelay::start(),
            refusals,
        })
    }

    /// Waits for the turn of a request.
    async fn turn(&self, priority: Priority) -> Result<Option<Turn>, Refused> {
        let Some(turns) = &self.turns else {
            return Ok(None);
        };
        match turns.decide(priority) {
            Decision::Run(turn) => Ok(Some(turn)),
            Decision::Wait(waiting) => waiting.await.map(Some).ok_or(Refused::Overload(priority)),
            Decision::Refuse => Err(Refused::Overload(priority)),
        }
    }
}

/// Serves a request in its turn, or refuses it.
///
/// # Errors
/// Those of the layers inside.
pub async fn admission_layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(admission) = request.app_data::<Rc<Admission>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let _serving = request.conn_data::<Rc<Activity>>().map(Activity::begin);
    let connection = request.conn_data::<Connection>();
    if connection.is_some_and(Connection::is_one_too_many) {
        return Ok(admission.refusals.refuse(request, Refused::Connection).await);
    }
    let is_crowded = connection.is_some_and(Connection::is_in_crowd);
    let priority = admission.priorities.find(request.method(), request.path());
    if priority == Priority::Urgent {
        // The databases have turns for urgent work too.
        request.extensions_mut().insert(Urgency::Urgent);
    }
    let turn = match admission.turn(priority).await {
        Ok(turn) => turn.map(Rc::new),
        Err(refused) => return Ok(admission.refusals.refuse(request, refused).await),
    };
    let serving = admission.wakes.relayed(next.call(request));
    let mut response = TURN.scope(turn, serving).await?.map_into_boxed_body();
    if is_crowded {
        close_after(&mut response);
    }
    Ok(response)
}

/// Closes the connection after a response, to make room for others.
fn close_after(response: &mut ServiceResponse<BoxBody>) {
    response
        .response_mut()
        .head_mut()
        .set_connection_type(ConnectionType::Close);
}
