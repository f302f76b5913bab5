namespace CallServer.Protocols.Ari

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// Asterisk's clock: each of its answers has a Date, in whole seconds. What it stamps has milliseconds, or microseconds.
module internal AriClock =
    /// In microseconds.
    [<Literal>]
    let private Second = 1_000_000L

    [<Literal>]
    let private Millisecond = 1000L

    /// The Date of a response is of Asterisk's own clock where Asterisk wrote it. A reverse proxy writes its own, and names itself.
    let private isItsOwn (response: HttpResponse) : bool =
        HttpMessage.tryHeader "Server" response.Headers
        |> ValueOption.exists (fun server ->
            server.StartsWith("Asterisk", StringComparison.OrdinalIgnoreCase))

    /// Adds what a response says of the clock, which was made at some moment within the interval.
    let learn (within: Interval) (response: HttpResponse) (clock: StampClock) : StampClock =
        match HttpMessage.date response with
        | ValueSome seconds when isItsOwn response && seconds > 0L ->
            let low = seconds * Second

            let reading =
                GatewayClock.read low (low + Second - 1L) within.Earliest within.Latest GatewayClock.unknown

            StampClock.learn within.Latest reading clock
        | ValueSome _
        | ValueNone -> clock

    /// When something happened, on our timeline, that was stamped with whole milliseconds (in microseconds) and told by then.
    let happened (told: Instant) (stamp: int64) (clock: StampClock) : Interval voption =
        StampClock.happened told stamp (stamp + Millisecond - 1L) clock

    /// The same of a stamp with microseconds.
    let happenedAt (told: Instant) (stamp: int64) (clock: StampClock) : Interval voption =
        StampClock.happened told stamp stamp clock
