namespace CallServer.Exchange

open System
open System.Globalization
open CallServer.Model

/// How audits say that a gateway does not answer.
module internal Silence =
    /// The seconds from one instant to another, such as 4.4.
    let seconds (from: Instant) (until: Instant) : string =
        (until - from).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)

    /// Says how many messages of ours were not answered since then.
    let asked (requests: int) (what: string) (since: Instant) (now: Instant) : string =
        $"no answer to {requests} {what} in {seconds since now} s"

    /// Says what came instead; empty if nothing did.
    let strays (count: int) (last: string) : string =
        if count > 0 then
            $"; {count} messages came that are no answer, the last one {last}"
        else
            ""
