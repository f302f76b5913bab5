namespace CallServer.Protocols.Ari

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// Asterisk's clock: each of its answers has a Date, in whole seconds. What it stamps has milliseconds, or microseconds.
module internal AriClock =
    /// In microseconds.
    [<Literal>]
    let private Millisecond = 1000L

    /// The Date of a response is of Asterisk's own clock where Asterisk wrote it. A reverse proxy writes its own, and names itself.
    let private isItsOwn (response: HttpResponse) : bool =
        HttpMessage.tryHeader "Server" response.Headers
        |> ValueOption.exists (fun server ->
            server.StartsWith("Asterisk", StringComparison.OrdinalIgnoreCase))

    /// Adds what a response says of the clock, which was made at some moment within the interval.
    let learn (within: Interval) (response: HttpResponse) (clock: StampClock) : StampClock =
        if isItsOwn response then SecondClock.learn within response clock else clock

    /// When something happened, on our timeline, that was stamped with whole milliseconds (in microseconds) and told by then.
    let happened (told: Instant) (stamp: int64) (clock: StampClock) : Interval voption =
        StampClock.happened told stamp (stamp + Millisecond - 1L) clock

    /// The same of a stamp with microseconds.
    let happenedAt (told: Instant) (stamp: int64) (clock: StampClock) : Interval voption =
        StampClock.happened told stamp stamp clock
