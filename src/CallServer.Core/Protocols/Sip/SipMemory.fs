namespace CallServer.Protocols.Sip


/// What is carried from one exchange with a gateway to the next: how it wants to be asked, and what its answers are worth.
/// It makes no audit complete that would not be so without it.
type SipMemory =
    internal
        {
            /// Over UDP its notification did not come, over TCP it did.
            NeedsTcp: bool
            /// It takes no word besides the event package.
            IsPlain: bool
            /// It answers no fetch with its state: it is asked for a subscription of so many seconds, which is ended as
            /// soon as it has told. FreeSWITCH's answer to a fetch has no body and says `noresource`; Asterisk's
            /// res_pjsip_pubsub answers 400; others answer 423.
            Holds: int voption
            /// It has answered a fetch with its state: one without a body says that there is no dialog.
            Fetches: bool
            /// No exchange has told anything yet: nobody knows how many notifiers there are.
            IsFresh: bool
            /// The most notifiers that answered one SUBSCRIBE: one that is missing may have told of dialogs.
            Notifiers: int
            /// Its updates say state="full" and list only what changed (FreeSWITCH's sofia_presence.c).
            LeavesOut: bool
            /// Whether it notifies where the last SUBSCRIBE said, and not the first one; nothing where nobody knows yet.
            /// FreeSWITCH's sofia_presence.c keeps the first Contact.
            FollowsContact: bool voption
            /// Over a stream a notification came between a renewal and its 2xx (RFC 6665 §4.2.1.2 leaves the order open): what
            /// comes after the 2xx need not answer it.
            NotifiesFirst: bool
            /// What the dialogs were called that it told of last.
            Names: DialogNames
        }

    /// Two audits in a row have to leave out a dialog: where an update can pass for the state, and where a notifier may be
    /// missing that this server has not met.
    member internal this.TakesTwo: bool = this.Holds.IsSome || this.LeavesOut || this.IsFresh

module SipMemory =
    let none: SipMemory =
        { NeedsTcp = false
          IsPlain = false
          Holds = ValueNone
          Fetches = false
          IsFresh = true
          Notifiers = 0
          LeavesOut = false
          FollowsContact = ValueNone
          NotifiesFirst = false
          Names = Map.empty }
