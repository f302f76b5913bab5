namespace CallServer.Protocols.Sip


/// What one exchange with a gateway leaves to the next: how the gateway wants to be asked, and how far its answers can be trusted.
/// No audit becomes complete because of it that would not be complete without it.
type SipMemory =
    internal
        {
            /// The notification did not come over UDP, but did come over TCP.
            NeedsTcp: bool
            /// The gateway accepts the Event header only without parameters.
            IsPlain: bool
            /// The gateway does not answer a fetch with its state. It is asked for a subscription of this many seconds, which is
            /// ended as soon as the state has come. FreeSWITCH's answer to a fetch has no body and says `noresource`; Asterisk's
            /// res_pjsip_pubsub answers 400; others answer 423.
            Holds: int voption
            /// The gateway has answered a fetch with its state, so a notification without a body means that there is no dialog.
            Fetches: bool
            /// No exchange has got a notification yet, so the number of notifiers is unknown.
            IsFresh: bool
            /// The most notifiers that ever answered one SUBSCRIBE. If one is missing, its dialogs may be missing too.
            Notifiers: int
            /// The gateway's updates say state="full" but list only what changed (FreeSWITCH's sofia_presence.c).
            LeavesOut: bool
            /// Whether the gateway sends notifications to the Contact of the last SUBSCRIBE rather than to that of the first;
            /// ValueNone while unknown. FreeSWITCH's sofia_presence.c keeps the first Contact.
            FollowsContact: bool voption
            /// Over a stream, a notification came between a renewal and its 2xx (RFC 6665 §4.2.1.2 leaves the order open). So what
            /// comes after the 2xx need not be the answer to the renewal.
            NotifiesFirst: bool
            /// The names of the dialogs in the last report.
            Names: DialogNames
        }

    /// Two audits in a row have to lack a dialog before it counts as ended. This holds if an update can pass for the full state, or
    /// if a notifier that this server does not know yet may be missing.
    member internal this.TakesTwo: bool = this.Holds.IsSome || this.LeavesOut || this.IsFresh

module SipMemory =
    /// What is known before the first exchange: nothing.
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
