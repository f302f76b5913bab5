namespace CallServer.Model

/// Why a time is believed. The order is that of strength: a reported time is worth more than a bounded one.
type Evidence =
    /// The gateway told it: a duration, a stamp, a connect time.
    | Reported
    /// Concluded from counters that the gateway told, such as packets times packetisation period.
    | Inferred
    /// Known only from the audits around it: absent in one, present in the next.
    | Bounded

    /// The name in lower case.
    override this.ToString() =
        match this with
        | Reported -> "reported"
        | Inferred -> "inferred"
        | Bounded -> "bounded"

module Evidence =
    /// The evidence that ToString names like this; nothing for any other text.
    let tryParse (text: string) =
        match text with
        | "reported" -> Some Reported
        | "inferred" -> Some Inferred
        | "bounded" -> Some Bounded
        | _ -> None

    /// The stronger of two.
    let stronger (a: Evidence) (b: Evidence) : Evidence = min a b

/// A time: how exactly it is known, and why it is believed.
[<Struct>]
type Timing = { Within: Interval; Evidence: Evidence }

module Timing =
    /// A time that the gateway told.
    let reported (interval: Interval) : Timing = { Within = interval; Evidence = Reported }
    /// A time concluded from counters.
    let inferred (interval: Interval) : Timing = { Within = interval; Evidence = Inferred }
    /// A time known from the audits around it.
    let bounded (interval: Interval) : Timing = { Within = interval; Evidence = Bounded }
