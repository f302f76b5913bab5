namespace CallServer.Accounting

open System
open CallServer.Model
open CallServer.Wire

/// How to talk to one RADIUS server.
type RadiusSettings =
    {
        Secret: Secret
        /// How long the first answer may take; above zero.
        Timeout: TimeSpan
        /// Requests in flight at once, 1 to 128, so that an identifier is not reused soon.
        Window: int
    }

/// What happens to the exchange.
[<RequireQualifiedAccess>]
type RadiusEvent =
    /// Entries of the outbox after its mark, in its order; known ones change nothing. An entry that cannot be
    /// sent comes as its sequence alone, and counts as done.
    | Offered of at: Moment * entries: Result<RadiusEntry, int64> list
    /// A datagram from the server's address.
    | Received of at: Moment * octets: byte[]
    /// The wake-up time has passed; one that comes too early or twice changes nothing.
    | Woke of at: Moment

/// What the exchange asks its host to do. All commands of one event are carried out before the next event.
[<RequireQualifiedAccess>]
type RadiusCommand =
    /// Send a datagram to the server, always from the same address and port.
    | Send of octets: byte[]
    /// Send Woke at this instant of the steady clock; a later WakeAt replaces an earlier one.
    | WakeAt of Instant
    /// The server has answered for every entry up to this sequence: the outbox may forget them.
    | Done of sequence: int64

/// Sends a server every entry of the outbox (RFC 2866 §2, with the retransmissions of RFC 5080 §2.2.1):
///
///   event            what follows
///   Offered          packets, as many as the window allows; of one session one at a time
///   valid response   its entry is done; waiting ones are sent; the server is not away
///   other response   counted
///   Woke, due        the same packet again after twice the time; while it is away, after 2 time-outs at most
///   Woke, spent      after 7 time-outs: a new packet, with another identifier and a fresh Acct-Delay-Time (RFC 2866
///                    §5.2). If the server has answered nothing meanwhile it is away: all others wait, and one
///                    entry at a time finds out whether it is back
///
/// A server that drops repeated packets by source, identifier and authenticator (RFC 5080 §2.2.2) takes an entry once,
/// as long as an answer arrives before the packet is made anew. If none does, or if one end crashes between taking an
/// entry and the answer, the server can take the entry twice, with the same Acct-Session-Id and Acct-Status-Type. None
/// is ever left out.
module RadiusExchange =
    /// A request in flight.
    type Flight =
        internal
            {
                Entry: RadiusEntry
                Packet: byte[]
                Authenticator: byte[]
                FirstSent: Instant
                /// When it is sent again, and the wait after that.
                Due: Instant
                Gap: TimeSpan
            }

    /// A packet that is no longer sent, but whose answer may be on its way.
    type Retired = internal { Sequence: int64; Before: byte[] }

    /// The state of the exchange with one server.
    type State =
        internal
            {
                Settings: RadiusSettings
                /// Every entry up to here is done.
                Mark: int64
                /// The highest sequence ever offered.
                Highest: int64
                /// Entries not done, in flight or not.
                Outstanding: Map<int64, RadiusEntry>
                /// Entries done while an earlier one is not.
                Finished: Set<int64>
                Flights: Map<byte, Flight>
                Retired: Map<byte, Retired>
                Next: byte
                IsAway: bool
                /// When the last valid response came.
                LastHeard: Instant
                Tally: RadiusTally
            }

    /// What the exchange has counted since it began.
    and RadiusTally =
        {
            /// Packets, repeats included.
            Sent: int64
            Repeated: int64
            /// Packets that were made anew, with another identifier.
            Renewed: int64
            /// Entries that the server answered for.
            Answered: int64
            /// Datagrams that answer no request.
            Strays: int64
            /// Responses made with another secret, or with none.
            Forged: int64
        }

    /// How many entries not done are held in memory.
    let private capacity = 256

    /// How far to go on past an entry that is not answered: after a crash of ours at most this many are sent
    /// again.
    let private longestReach = 1024

    /// Sent after 0, 1 and 3 time-outs and made anew after 7, where a fourth wait of twice the time would
    /// begin.
    let private lifetime (settings: RadiusSettings) = settings.Timeout * 7.0

    /// Short enough to notice soon when the server is back.
    let private longestGapAway (settings: RadiusSettings) = settings.Timeout * 2.0

    /// The state before the first event. The first identifier must be random, so that a server does not take
    /// the packets of a new run for repeats. Throws ArgumentException for settings out of range.
    let start (settings: RadiusSettings) (firstIdentifier: byte) : State =
        if settings.Timeout <= TimeSpan.Zero || settings.Window < 1 || settings.Window > 128 then
            invalidArg (nameof settings) "a time-out above zero, and a window of 1 to 128"

        { Settings = settings
          Mark = 0L
          Highest = 0L
          Outstanding = Map.empty
          Finished = Set.empty
          Flights = Map.empty
          Retired = Map.empty
          Next = firstIdentifier
          IsAway = false
          LastHeard = Instant.distantPast
          Tally = { Sent = 0L; Repeated = 0L; Renewed = 0L; Answered = 0L; Strays = 0L; Forged = 0L } }

    /// What it has counted so far.
    let tally (state: State) : RadiusTally = state.Tally

    /// Whether the server has answered nothing for 7 time-outs.
    let isAway (state: State) : bool = state.IsAway

    /// When the last valid response came; the distant past if none ever did.
    let lastHeard (state: State) : Instant = state.LastHeard

    /// How many entries are held and not answered for.
    let outstanding (state: State) : int = state.Outstanding.Count

    /// The first entry that is not answered for; ValueNone if there is none.
    let oldest (state: State) : RadiusEntry voption =
        if state.Outstanding.IsEmpty then
            ValueNone
        else
            ValueSome state.Outstanding[(Map.minKeyValue state.Outstanding |> fst)]

    /// How many entries after its mark the outbox should offer now; 0 if there is enough to do.
    let wanted (state: State) : int =
        let known = state.Outstanding.Count + state.Finished.Count

        if state.Outstanding.Count > capacity / 2 || known >= longestReach then
            0
        else
            state.Finished.Count + capacity

    let private request (now: Moment) (identifier: byte) (entry: RadiusEntry) (state: State) : byte[] =
        let delay = int64 (now.Wall - entry.At).TotalSeconds

        RadiusCodec.encodeRequest
            state.Settings.Secret
            { Code = RadiusCode.AccountingRequest
              Identifier = identifier
              Attributes = entry.Attributes @ [ RadiusAttribute.integer RadiusType.AcctDelayTime delay ] }

    let rec private freeIdentifier (from: byte) (state: State) : byte =
        if state.Flights.ContainsKey from then
            freeIdentifier (from + 1uy) state
        else
            from

    /// Sends waiting entries, as many as the window allows.
    let private fill (now: Moment) (state: State) : struct (State * RadiusCommand list) =
        let window = if state.IsAway then 1 else state.Settings.Window

        if state.Flights.Count >= window || state.Outstanding.Count = state.Flights.Count then
            struct (state, [])
        else
            let flying = state.Flights |> Seq.map (fun pair -> pair.Value.Entry) |> Seq.toArray
            let sent = flying |> Seq.map _.Sequence |> System.Collections.Generic.HashSet
            // An earlier record of a session bars the later ones, in flight or chosen here.
            let busy = flying |> Seq.map _.Session |> System.Collections.Generic.HashSet

            let chosen =
                state.Outstanding.Values
                |> Seq.filter (fun entry -> not (sent.Contains entry.Sequence) && busy.Add entry.Session)
                |> Seq.truncate (window - state.Flights.Count)
                |> Seq.toList

            let send struct (state: State, commands) (entry: RadiusEntry) =
                let identifier = freeIdentifier state.Next state
                let packet = request now identifier entry state

                let flight =
                    { Entry = entry
                      Packet = packet
                      Authenticator = RadiusCodec.authenticator packet
                      FirstSent = now.Steady
                      Due = now.Steady + state.Settings.Timeout
                      Gap = state.Settings.Timeout }

                struct ({ state with
                            Flights = state.Flights.Add(identifier, flight)
                            Next = identifier + 1uy
                            Tally = { state.Tally with Sent = state.Tally.Sent + 1L } },
                        RadiusCommand.Send packet :: commands)

            let struct (state, commands) = chosen |> List.fold send (struct (state, []))
            struct (state, List.rev commands)

    /// Moves the mark up to the first entry that is not done.
    let private settle (state: State) : struct (State * RadiusCommand list) =
        let mark =
            if state.Outstanding.IsEmpty then
                state.Highest
            else
                let first = Map.minKeyValue state.Outstanding |> fst

                state.Finished |> Seq.takeWhile (fun sequence -> sequence < first) |> Seq.fold max state.Mark

        if mark = state.Mark then
            struct (state, [])
        else
            struct ({ state with
                        Mark = mark
                        Finished = state.Finished |> Set.filter (fun sequence -> sequence > mark) },
                    [ RadiusCommand.Done mark ])

    let private wake (state: State) : RadiusCommand list =
        if state.Flights.IsEmpty then
            []
        else
            [ RadiusCommand.WakeAt(state.Flights.Values |> Seq.map _.Due |> Seq.reduce Instant.min) ]

    let private goOn (now: Moment) (before: RadiusCommand list) (state: State) : State * RadiusCommand list =
        let struct (state, moved) = settle state
        let struct (state, sent) = fill now state
        state, before @ moved @ sent @ wake state

    let private offered (now: Moment) (entries: Result<RadiusEntry, int64> list) (state: State) =
        let take (state: State) entry =
            let sequence =
                match entry with
                | Ok(entry: RadiusEntry) -> entry.Sequence
                | Error sequence -> sequence

            if sequence <= state.Highest then
                state
            else
                match entry with
                | Ok entry ->
                    { state with Highest = sequence; Outstanding = state.Outstanding.Add(sequence, entry) }
                | Error _ -> { state with Highest = sequence; Finished = state.Finished.Add sequence }

        entries |> List.fold take state |> goOn now []

    /// Stops sending packets with this identifier; an answer to those already sent still counts.
    let private retire (identifier: byte) (state: State) : State =
        match state.Flights.TryFind identifier with
        | None -> state
        | Some flight ->
            { state with
                Flights = state.Flights.Remove identifier
                Retired =
                    state.Retired.Add(
                        identifier,
                        { Sequence = flight.Entry.Sequence; Before = flight.Authenticator }
                    ) }

    let private answered (now: Moment) (sequence: int64) (state: State) : State =
        let state = { state with LastHeard = now.Steady; IsAway = false }

        if not (state.Outstanding.ContainsKey sequence) then
            // It was answered before, under another identifier.
            state
        else
            let flying = state.Flights |> Map.tryFindKey (fun _ flight -> flight.Entry.Sequence = sequence)

            let state =
                match flying with
                | Some identifier -> retire identifier state
                | None -> state

            { state with
                Outstanding = state.Outstanding.Remove sequence
                Finished = state.Finished.Add sequence
                Tally = { state.Tally with Answered = state.Tally.Answered + 1L } }

    let private received (now: Moment) (octets: byte[]) (state: State) : State * RadiusCommand list =
        let count tally = { state with Tally = tally }, []

        let isAnswerTo (authenticator: byte[]) =
            match RadiusCodec.verifyResponse state.Settings.Secret authenticator octets with
            | Ok { Code = RadiusCode.AccountingResponse } -> true
            | Ok _
            | Error _ -> false

        match RadiusCodec.decode octets with
        | Error _ -> count { state.Tally with Strays = state.Tally.Strays + 1L }
        | Ok packet ->
            let flight = state.Flights.TryFind packet.Identifier
            let retired = state.Retired.TryFind packet.Identifier

            match flight, retired with
            | Some flight, _ when isAnswerTo flight.Authenticator ->
                answered now flight.Entry.Sequence state |> goOn now []
            | _, Some retired when isAnswerTo retired.Before ->
                answered now retired.Sequence state |> goOn now []
            | None, _ -> count { state.Tally with Strays = state.Tally.Strays + 1L }
            | Some _, _ -> count { state.Tally with Forged = state.Tally.Forged + 1L }

    let private woke (now: Moment) (state: State) : State * RadiusCommand list =
        let steady = now.Steady
        let due = state.Flights |> Map.filter (fun _ flight -> flight.Due <= steady)

        let spent, alive =
            due |> Map.partition (fun _ flight -> steady - flight.FirstSent >= lifetime state.Settings)

        let isAway = spent |> Map.exists (fun _ flight -> state.LastHeard < flight.FirstSent)

        let repeat struct (state: State, commands) identifier (flight: Flight) =
            let doubled = flight.Gap * 2.0
            let gap = if state.IsAway then min doubled (longestGapAway state.Settings) else doubled
            let flight = { flight with Due = steady + gap; Gap = gap }

            struct ({ state with
                        Flights = state.Flights.Add(identifier, flight)
                        Tally =
                            { state.Tally with
                                Sent = state.Tally.Sent + 1L
                                Repeated = state.Tally.Repeated + 1L } },
                    RadiusCommand.Send flight.Packet :: commands)

        if isAway then
            // All of them, because the delay they state will be wrong when the server is back.
            let renewed = int64 state.Flights.Count
            let state = state.Flights |> Map.fold (fun state identifier _ -> retire identifier state) state

            goOn
                now
                []
                { state with
                    IsAway = true
                    Tally = { state.Tally with Renewed = state.Tally.Renewed + renewed } }
        else
            let state = spent |> Map.fold (fun state identifier _ -> retire identifier state) state

            let state = { state with Tally.Renewed = state.Tally.Renewed + int64 spent.Count }

            let struct (state, repeats) = alive |> Map.fold repeat (struct (state, []))
            goOn now (List.rev repeats) state

    /// The state after an event, and the commands to carry out in order.
    let advance (event: RadiusEvent) (state: State) : State * RadiusCommand list =
        match event with
        | RadiusEvent.Offered(now, entries) -> offered now entries state
        | RadiusEvent.Received(now, octets) -> received now octets state
        | RadiusEvent.Woke now -> woke now state
