//! Sign-offs of a plan's latest number, by the person and by clinicians.

use mainstay_domain::{
    account::Role,
    proposal::PlanNumber,
    sign_off::{MAX_SIGN_OFFS, NewSignOff, SignOff},
    value::timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    contribution::{
        Author, Contributed, Contribution, ContributionKind, ContributionPage, ContributionRange,
        NewContribution, Selection, find, insert, make_room, newest_of, page,
    },
    engine::types::DbTimestamp,
    error::{ContributionRefusal, Result, StoreError},
    proposal::plan,
    record::{LockedWriter, Records},
};

const KIND: ContributionKind = ContributionKind::SignOff;

/// What is sealed of a sign-off.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SealedSignOff {
    number: PlanNumber,
    by_role: Role,
}

impl Records<'_> {
    /// The sign-offs of a plan's numbers, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan.
    pub fn sign_offs(
        &mut self,
        plan_id: Uuid,
        range: ContributionRange,
    ) -> Result<ContributionPage<SignOff>> {
        let latest = plan(self.conn, self.scope, plan_id)?.number;
        let of_plan = Selection {
            plan_id: Some(plan_id),
            ..Selection::default()
        };
        let found = page::<SealedSignOff>(self.conn, self.scope, KIND, of_plan, range)?;
        Ok(found.map(|found| shown(&found, plan_id, latest)))
    }

    /// A sign-off of an author.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan, or the author has no such sign-off.
    pub fn own_sign_off(&mut self, author: &Author, plan_id: Uuid, id: Uuid) -> Result<SignOff> {
        let latest = plan(self.conn, self.scope, plan_id)?.number;
        find(self.conn, self.scope, KIND, id)?
            .filter(|found: &Contribution<SealedSignOff>| found.is_by(author.no))
            .filter(|found| found.plan_id == Some(plan_id))
            .map(|found| shown(&found, plan_id, latest))
            .ok_or(StoreError::NotFound)
    }
}

impl LockedWriter<'_, '_> {
    /// Signs the latest number of a plan off. An author signs each number once: a second time is a replay. `id` is that of a new
    /// sign-off.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan; [`StoreError::Contribution`] if it has another number.
    pub fn sign_off(
        &mut self,
        author: &Author,
        plan_id: Uuid,
        (id, new): (Uuid, NewSignOff),
    ) -> Result<Contributed<SignOff>> {
        let (conn, scope, DbTimestamp(now)) = self.writer().parts();
        let latest = plan(conn, scope, plan_id)?.number;
        if new.number != latest {
            return Err(StoreError::Contribution(ContributionRefusal::OtherNumber {
                latest: latest.get(),
            }));
        }
        let own = Selection {
            author_no: Some(author.no),
            plan_id: Some(plan_id),
            ..Selection::default()
        };
        let last = newest_of::<SealedSignOff>(conn, scope, KIND, own, 1)?.pop();
        if let Some(last) = last.filter(|last| last.content.number == latest) {
            return Ok(Contributed::Replayed(shown(&last, plan_id, latest)));
        }
        make_room(conn, scope, KIND, Selection::default(), MAX_SIGN_OFFS)?;
        let content = SealedSignOff {
            number: latest,
            by_role: author.role,
        };
        let row = NewContribution {
            kind: KIND,
            id,
            author,
            plan_id: Some(plan_id),
            content: &content,
        };
        insert(conn, scope, &row, now)?;
        Ok(Contributed::New(SignOff {
            id,
            plan_id,
            number: latest,
            latest: true,
            by: Some(author.account),
            by_role: author.role,
            signed_at: Timestamp::from_micros(now),
        }))
    }
}

fn shown(found: &Contribution<SealedSignOff>, plan_id: Uuid, latest: PlanNumber) -> SignOff {
    SignOff {
        id: found.id,
        plan_id,
        number: found.content.number,
        latest: found.content.number == latest,
        by: found.by(),
        by_role: found.content.by_role,
        signed_at: Timestamp::from_micros(found.created_at),
    }
}
