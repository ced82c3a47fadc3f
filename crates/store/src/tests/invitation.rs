//! Statements about invitations, for the test of plans.

use mainstay_domain::{
    invitation::{HelperRole, InvitationStep, NewInvitation},
    support_contact::Relationship,
};
use uuid::Uuid;

use super::plans::{NOW, sign_up_as};
use crate::{
    PersonScope, Store,
    invitation::{HelperKey, InvitationRange},
};

/// Invites somebody, who takes the invitation and leaves it, and whose account is erased.
pub(super) async fn help_each_other(store: &Store, (scope, session): (&PersonScope, Uuid)) {
    let (helper, helper_session) = sign_up_as(store, 30, "robin@example.org").await;
    let new = NewInvitation {
        id: None,
        role: HelperRole::Supporter,
        relationship: Relationship::Peer,
        support_contact_id: None,
        message: None,
    };
    let id = Uuid::from_u128(40);
    let (made, taken) = (store.invitation_index("code"), store.invitation_index("code"));
    store
        .write(scope, session, NOW, move |writer| {
            writer.lock()?.invite(id, &new, made)
        })
        .await
        .unwrap();
    store
        .write(&helper, helper_session, NOW, move |writer| {
            writer.lock()?.take_invitation(taken, None)
        })
        .await
        .unwrap();
    store
        .write(scope, session, NOW, move |writer| {
            writer.lock()?.step_invitation(id, InvitationStep::Confirm)?;
            let mut locked = writer.lock()?;
            let by_account = HelperKey::Account(Uuid::from_u128(30));
            assert!(locked.records().confirmed_helper(by_account)?.is_some());
            let by_id = HelperKey::Invitation(id);
            assert!(locked.records().confirmed_helper(by_id)?.is_some());
            locked.step_invitation(id, InvitationStep::Revoke)
        })
        .await
        .unwrap();
    let leave = store.write(&helper, helper_session, NOW, move |writer| {
        writer.lock()?.leave_invitation(id)
    });
    assert!(leave.await.is_err(), "it was revoked");
    let range = InvitationRange {
        after: None,
        limit: 20,
    };
    store.invitations(scope, range, NOW).await.unwrap();
    store.invitation(scope, id, NOW).await.unwrap();
    store.taken_invitations(&helper, range, NOW).await.unwrap();
    store.taken_invitation(&helper, id, NOW).await.unwrap();
    store.display_name(helper.account()).await.unwrap();
    store.sweep_invitations(0, 0).await.unwrap();
    store.erase_account(helper.account(), NOW).await.unwrap();
}
